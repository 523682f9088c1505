/*
 * Strongroom's own interface, beside the standard's: what a return code cannot say.
 *
 * Include the OASIS header pkcs11.h first. Then:
 *
 *     CK_INTERFACE_PTR interface;
 *     if (C_GetInterface((CK_UTF8CHAR_PTR)SR_INTERFACE_NAME, NULL, &interface, 0) == CKR_OK) {
 *         SR_FUNCTION_LIST_PTR strongroom = interface->pFunctionList;
 *         CK_UTF8CHAR text[SR_LONGEST_ERROR_TEXT];
 *         CK_ULONG length = sizeof text;
 *         if (strongroom->SR_GetLastErrorText(text, &length) == CKR_OK)
 *             fprintf(stderr, "%.*s\n", (int)length, (const char *)text);
 *     }
 *
 * Where the module is loaded with dlopen, C_GetInterface is found with dlsym. It is the only way to these functions:
 * they are no symbols of the module.
 */
#ifndef STRONGROOM_H
#define STRONGROOM_H

#ifdef __cplusplus
extern "C" {
#endif

/* The name for C_GetInterface. The version that is described here is 1.0. */
#define SR_INTERFACE_NAME "Vendor Strongroom"

/* No error text is longer, in bytes. */
#define SR_LONGEST_ERROR_TEXT 496

typedef struct SR_FUNCTION_LIST SR_FUNCTION_LIST;
typedef SR_FUNCTION_LIST *SR_FUNCTION_LIST_PTR;

/*
 * Both functions may be called at any time, before C_Initialize and after C_Finalize too: what is asked for may be
 * why C_Initialize failed. Neither changes the last error. A thread sees its own errors only. A call that succeeds
 * leaves the last error as it was.
 */
struct SR_FUNCTION_LIST {
    CK_VERSION version;

    /*
     * The words behind the last error of the calling thread, in UTF-8, for people: they may change from one version to
     * the next, and never hold a secret. There is no NUL at the end. Empty while nothing has failed.
     *
     * The rule of lengths is that of the standard: with pText NULL, *pulLen is set to the length; otherwise *pulLen is
     * the room at pText, and the call sets it to the length of the text, or returns CKR_BUFFER_TOO_SMALL and sets it to
     * the length that is needed. CKR_ARGUMENTS_BAD where pulLen is NULL.
     */
    CK_RV (*SR_GetLastErrorText)(CK_UTF8CHAR_PTR pText, CK_ULONG_PTR pulLen);

    /*
     * The return code of the call that failed last in the calling thread; CKR_OK while nothing has failed.
     * CKR_ARGUMENTS_BAD where pCode is NULL.
     */
    CK_RV (*SR_GetLastErrorCode)(CK_ULONG_PTR pCode);
};

#ifdef __cplusplus
}
#endif

#endif
