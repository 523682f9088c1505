//! Objects (section 5.7).

use super::prelude::*;

entry!(C_CreateObject(session: number, template: template, object: handle) |calls|
    object.put(calls.create_object(session, template)?));
entry!(C_CopyObject(session: number, object: number, template: template, copy: handle) |calls|
    copy.put(calls.copy_object(session, object, template)?));
entry!(C_DestroyObject(session: number, object: number) |calls| calls.destroy_object(session, object));
entry!(C_GetObjectSize(session: number, object: number, size: handle) |calls|
    size.put(calls.object_size(session, object)?));
entry!(C_GetAttributeValue(session: number, object: number, template: answers) |calls|
    template.put(&calls.attributes(session, object, template.kinds())?));
entry!(C_SetAttributeValue(session: number, object: number, template: template) |calls|
    calls.set_attributes(session, object, template));
entry!(C_FindObjectsInit(session: number, template: template) |calls| calls.find_init(session, template));
entry!(C_FindObjects(session: number, objects: found) |calls| objects.put(&calls.find(session, objects.most())?));
entry!(C_FindObjectsFinal(session: number) |calls| calls.find_final(session));
