import java.io.InputStream;
import java.io.OutputStream;
import java.math.BigInteger;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.security.AuthProvider;
import java.security.Key;
import java.security.KeyFactory;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.KeyStore;
import java.security.MessageDigest;
import java.security.PrivateKey;
import java.security.Provider;
import java.security.PublicKey;
import java.security.SecureRandom;
import java.security.Security;
import java.security.Signature;
import java.security.cert.X509Certificate;
import java.security.spec.AlgorithmParameterSpec;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.MGF1ParameterSpec;
import java.security.spec.PSSParameterSpec;
import java.security.spec.X509EncodedKeySpec;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import javax.crypto.Cipher;
import javax.crypto.KeyAgreement;
import javax.crypto.KeyGenerator;
import javax.crypto.Mac;
import javax.crypto.SecretKey;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.IvParameterSpec;
import javax.crypto.spec.SecretKeySpec;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;

/**
 * What Java programs ask of a token by SunPKCS11, each result checked with the JDK's own providers.
 *
 * Arguments: the provider's configuration and the prefix of the aliases that keytool has made. The PIN is in PIN.
 */
public class Token {
    static Provider token;
    static KeyStore store;
    static String prefix;
    static char[] pin = System.getenv("PIN").toCharArray();
    static byte[] data = "The quick brown fox jumps over the lazy dog".repeat(10).getBytes(StandardCharsets.UTF_8);
    static boolean failed;

    interface Task {
        void run() throws Exception;
    }

    static void task(String what, Task task) {
        try {
            task.run();
            System.out.println("  ok      " + what);
        } catch (Throwable error) {
            failed = true;
            System.out.println("  FAILED  " + what + ": " + causes(error));
        }
    }

    static String causes(Throwable error) {
        return error.getCause() == null ? error.toString() : error + " <- " + causes(error.getCause());
    }

    static void equal(byte[] one, byte[] other) {
        if (!Arrays.equals(one, other)) throw new AssertionError("the results differ");
    }

    static void hold(boolean condition, String what) {
        if (!condition) throw new AssertionError(what);
    }

    public static void main(String[] arguments) throws Exception {
        token = Security.getProvider("SunPKCS11").configure(arguments[0]);
        prefix = arguments[1];
        Security.addProvider(token);
        store = KeyStore.getInstance("PKCS11", token);
        store.load(null, pin);
        keyStore();
        signatures();
        generated();
        symmetric();
        rsaCiphers();
        agreement();
        macs();
        digestsAndRandom();
        imported();
        tls();
        threads();
        task("logout, and login again", () -> {
            ((AuthProvider) token).logout();
            store.load(null, pin);
            hold(store.getKey(prefix + "-rsa", null) != null, "the key is not found");
        });
        System.out.println("all tasks done");
        System.exit(failed ? 1 : 0);
    }

    // --- stored keys ---------------------------------------------------------------------------------------------

    static void keyStore() {
        task("KeyStore lists the keys", () -> {
            List<String> aliases = Collections.list(store.aliases());
            hold(aliases.contains(prefix + "-rsa") && aliases.contains(prefix + "-ec"), "aliases are " + aliases);
        });
        for (String kind : List.of("rsa", "ec")) {
            task("KeyStore gives the " + kind + " key and its certificate", () -> {
                hold(store.isKeyEntry(prefix + "-" + kind), "no key entry");
                Key key = store.getKey(prefix + "-" + kind, null);
                hold(key instanceof PrivateKey, "not a private key");
                // The compatibility configuration asks for keys that can be read.
                hold(!prefix.equals("default") || key.getEncoded() == null, "the private key leaves the token");
                X509Certificate certificate = (X509Certificate) store.getCertificate(prefix + "-" + kind);
                certificate.verify(software(certificate.getPublicKey()));
            });
        }
    }

    static PrivateKey stored(String kind) throws Exception {
        return (PrivateKey) store.getKey(prefix + "-" + kind, null);
    }

    static PublicKey storedPublic(String kind) throws Exception {
        return software(store.getCertificate(prefix + "-" + kind).getPublicKey());
    }

    /** The same key as an object of the JDK's own providers. */
    static PublicKey software(PublicKey key) throws Exception {
        String provider = key.getAlgorithm().equals("RSA") ? "SunRsaSign" : "SunEC";
        return KeyFactory.getInstance(key.getAlgorithm(), provider).generatePublic(new X509EncodedKeySpec(key.getEncoded()));
    }

    // --- signatures ------------------------------------------------------------------------------------------------

    static void signatures() {
        for (String algorithm : List.of("SHA1withRSA", "SHA224withRSA", "SHA256withRSA", "SHA384withRSA", "SHA512withRSA"))
            task("Signature " + algorithm, () -> signature(algorithm, null, stored("rsa"), storedPublic("rsa"), data));
        for (String hash : List.of("SHA-256", "SHA-384", "SHA-512")) {
            int length = Integer.parseInt(hash.substring(4)) / 8;
            PSSParameterSpec pss = new PSSParameterSpec(hash, "MGF1", new MGF1ParameterSpec(hash), length, 1);
            task("Signature RSASSA-PSS " + hash, () -> signature("RSASSA-PSS", pss, stored("rsa"), storedPublic("rsa"), data));
        }
        for (String algorithm : List.of("SHA1withECDSA", "SHA224withECDSA", "SHA256withECDSA", "SHA384withECDSA", "SHA512withECDSA",
                "SHA256withECDSAinP1363Format"))
            task("Signature " + algorithm, () -> signature(algorithm, null, stored("ec"), storedPublic("ec"), data));
        task("Signature NONEwithECDSA", () -> {
            byte[] digest = MessageDigest.getInstance("SHA-256", "SUN").digest(data);
            signature("NONEwithECDSA", null, stored("ec"), storedPublic("ec"), digest);
        });
    }

    /** Made in the token and verified by the JDK; and verified in the token, which also refuses it over other data. */
    static void signature(String algorithm, AlgorithmParameterSpec parameters, PrivateKey key, PublicKey publicKey, byte[] data) throws Exception {
        Signature signer = Signature.getInstance(algorithm, token);
        if (parameters != null) signer.setParameter(parameters);
        signer.initSign(key);
        signer.update(data, 0, data.length / 2);
        signer.update(data, data.length / 2, data.length - data.length / 2);
        byte[] signature = signer.sign();

        Provider own = Security.getProvider(publicKey.getAlgorithm().equals("RSA") ? "SunRsaSign" : "SunEC");
        hold(verifies(own, algorithm, parameters, publicKey, data, signature), "the JDK does not accept the signature");
        hold(verifies(token, algorithm, parameters, publicKey, data, signature), "the token does not accept the signature");
        byte[] other = data.clone();
        other[0] ^= 1;
        hold(!verifies(token, algorithm, parameters, publicKey, other, signature), "the token accepts it for other data");
    }

    static boolean verifies(Provider provider, String algorithm, AlgorithmParameterSpec parameters, PublicKey key, byte[] data,
            byte[] signature) throws Exception {
        Signature verifier = Signature.getInstance(algorithm, provider);
        if (parameters != null) verifier.setParameter(parameters);
        verifier.initVerify(key);
        verifier.update(data);
        return verifier.verify(signature);
    }

    // --- keys made for the session -----------------------------------------------------------------------------------

    static void generated() {
        for (int bits : List.of(2048, 3072))
            task("KeyPairGenerator RSA " + bits, () -> {
                KeyPairGenerator generator = KeyPairGenerator.getInstance("RSA", token);
                generator.initialize(bits);
                KeyPair pair = generator.generateKeyPair();
                signature("SHA256withRSA", null, pair.getPrivate(), software(pair.getPublic()), data);
            });
        for (String curve : List.of("secp256r1", "secp384r1", "secp521r1"))
            task("KeyPairGenerator EC " + curve, () -> {
                KeyPair pair = ecPair(token, curve);
                signature("SHA256withECDSA", null, pair.getPrivate(), software(pair.getPublic()), data);
            });
    }

    static KeyPair ecPair(Provider provider, String curve) throws Exception {
        KeyPairGenerator generator = KeyPairGenerator.getInstance("EC", provider);
        generator.initialize(new ECGenParameterSpec(curve));
        return generator.generateKeyPair();
    }

    static SecretKey aes(int bits) throws Exception {
        KeyGenerator generator = KeyGenerator.getInstance("AES", token);
        generator.init(bits);
        return generator.generateKey();
    }

    // --- symmetric encryption ------------------------------------------------------------------------------------------

    static void symmetric() {
        byte[] iv = new byte[16];
        new SecureRandom().nextBytes(iv);
        IvParameterSpec block = new IvParameterSpec(iv);
        for (int bits : List.of(128, 192, 256)) {
            task("AES/GCM/NoPadding " + bits, () -> cipher("AES/GCM/NoPadding", bits, new GCMParameterSpec(128, iv, 0, 12), data));
            task("AES/CBC/PKCS5Padding " + bits, () -> cipher("AES/CBC/PKCS5Padding", bits, block, data));
        }
        task("AES/CBC/NoPadding", () -> cipher("AES/CBC/NoPadding", 256, block, Arrays.copyOf(data, 256)));
        task("AES/CTR/NoPadding", () -> cipher("AES/CTR/NoPadding", 256, block, data));
        task("AES/ECB/PKCS5Padding", () -> cipher("AES/ECB/PKCS5Padding", 256, null, data));
        task("AES/GCM with additional data", () -> {
            SecretKey key = aes(256);
            GCMParameterSpec gcm = new GCMParameterSpec(128, iv, 0, 12);
            Cipher cipher = cipher("AES/GCM/NoPadding", Cipher.ENCRYPT_MODE, key, gcm, token);
            cipher.updateAAD("header".getBytes());
            byte[] ciphertext = cipher.doFinal(data);
            cipher = cipher("AES/GCM/NoPadding", Cipher.DECRYPT_MODE, key, gcm, token);
            cipher.updateAAD("header".getBytes());
            equal(cipher.doFinal(ciphertext), data);
        });
        task("AES/GCM refuses a changed ciphertext", () -> {
            SecretKey key = aes(256);
            GCMParameterSpec gcm = new GCMParameterSpec(128, iv, 0, 12);
            byte[] ciphertext = cipher("AES/GCM/NoPadding", Cipher.ENCRYPT_MODE, key, gcm, token).doFinal(data);
            ciphertext[3] ^= 1;
            try {
                cipher("AES/GCM/NoPadding", Cipher.DECRYPT_MODE, key, gcm, token).doFinal(ciphertext);
            } catch (java.security.GeneralSecurityException | java.security.ProviderException refused) {
                return;
            }
            throw new AssertionError("accepted");
        });
    }

    /** A round trip with a key made in the token; then, with a key of our own, what the JDK's own cipher gives. */
    static void cipher(String name, int bits, AlgorithmParameterSpec parameters, byte[] data) throws Exception {
        SecretKey made = aes(bits);
        byte[] ciphertext = cipher(name, Cipher.ENCRYPT_MODE, made, parameters, token).doFinal(data);
        hold(!Arrays.equals(Arrays.copyOf(ciphertext, data.length), data), "not encrypted");
        equal(cipher(name, Cipher.DECRYPT_MODE, made, parameters, token).doFinal(ciphertext), data);

        byte[] bytes = new byte[bits / 8];
        new SecureRandom().nextBytes(bytes);
        SecretKey own = new SecretKeySpec(bytes, "AES");
        Provider jdk = Security.getProvider("SunJCE");
        ciphertext = cipher(name, Cipher.ENCRYPT_MODE, own, parameters, token).doFinal(data);
        equal(ciphertext, cipher(name, Cipher.ENCRYPT_MODE, own, parameters, jdk).doFinal(data));
        equal(cipher(name, Cipher.DECRYPT_MODE, own, parameters, token).doFinal(ciphertext), data);
        // Not with GCM: JDK 17 decrypts what it got by update and forgets what comes with doFinal.
        if (name.startsWith("AES/GCM")) return;
        Cipher inParts = cipher(name, Cipher.DECRYPT_MODE, own, parameters, token);
        byte[] first = inParts.update(ciphertext, 0, 100);
        byte[] last = inParts.doFinal(ciphertext, 100, ciphertext.length - 100);
        byte[] whole = Arrays.copyOf(first, first.length + last.length);
        System.arraycopy(last, 0, whole, first.length, last.length);
        equal(whole, data);
    }

    static Cipher cipher(String name, int mode, Key key, AlgorithmParameterSpec parameters, Provider provider) throws Exception {
        Cipher cipher = Cipher.getInstance(name, provider);
        cipher.init(mode, key, parameters);
        return cipher;
    }

    // --- RSA encryption ---------------------------------------------------------------------------------------------------

    static void rsaCiphers() {
        byte[] secret = "a secret of 24 bytes ...".getBytes();
        task("RSA/ECB/PKCS1Padding decrypts", () -> {
            byte[] ciphertext = cipher("RSA/ECB/PKCS1Padding", Cipher.ENCRYPT_MODE, storedPublic("rsa"), null, Security.getProvider("SunJCE")).doFinal(secret);
            equal(cipher("RSA/ECB/PKCS1Padding", Cipher.DECRYPT_MODE, stored("rsa"), null, token).doFinal(ciphertext), secret);
        });
        task("RSA/ECB/PKCS1Padding encrypts", () -> {
            byte[] ciphertext = cipher("RSA/ECB/PKCS1Padding", Cipher.ENCRYPT_MODE, storedPublic("rsa"), null, token).doFinal(secret);
            equal(cipher("RSA/ECB/PKCS1Padding", Cipher.DECRYPT_MODE, stored("rsa"), null, token).doFinal(ciphertext), secret);
        });
        task("RSA/ECB/NoPadding", () -> {
            byte[] plain = new BigInteger("123456789").toByteArray();
            byte[] ciphertext = cipher("RSA/ECB/NoPadding", Cipher.ENCRYPT_MODE, storedPublic("rsa"), null, Security.getProvider("SunJCE")).doFinal(plain);
            byte[] back = cipher("RSA/ECB/NoPadding", Cipher.DECRYPT_MODE, stored("rsa"), null, token).doFinal(ciphertext);
            hold(new BigInteger(1, back).equals(new BigInteger(1, plain)), "the results differ");
        });
        task("RSA unwraps an AES key that the JDK wrapped", () -> {
            SecretKey key = new SecretKeySpec(new byte[32], "AES");
            Cipher wrap = Cipher.getInstance("RSA/ECB/PKCS1Padding", "SunJCE");
            wrap.init(Cipher.WRAP_MODE, storedPublic("rsa"));
            Cipher unwrap = Cipher.getInstance("RSA/ECB/PKCS1Padding", token);
            unwrap.init(Cipher.UNWRAP_MODE, stored("rsa"));
            Key back = unwrap.unwrap(wrap.wrap(key), "AES", Cipher.SECRET_KEY);
            GCMParameterSpec gcm = new GCMParameterSpec(128, new byte[12]);
            equal(cipher("AES/GCM/NoPadding", Cipher.ENCRYPT_MODE, back, gcm, token).doFinal(data),
                    cipher("AES/GCM/NoPadding", Cipher.ENCRYPT_MODE, key, gcm, Security.getProvider("SunJCE")).doFinal(data));
        });
    }

    // --- key agreement, MACs, digests ---------------------------------------------------------------------------------------

    static void agreement() {
        for (String curve : List.of("secp256r1", "secp384r1", "secp521r1"))
            task("KeyAgreement ECDH " + curve, () -> {
                KeyPair ours = ecPair(token, curve);
                agree(ours.getPrivate(), ours.getPublic(), curve);
            });
        task("KeyAgreement ECDH with a key of the token", () -> agree(stored("ec"), storedPublic("ec"), "secp256r1"));
    }

    /** The secret as a key of the token, compared by what it does; and its bytes, where the configuration asks for keys that can be read. */
    static void agree(PrivateKey key, PublicKey publicKey, String curve) throws Exception {
        KeyPair theirs = ecPair(Security.getProvider("SunEC"), curve);
        KeyAgreement other = KeyAgreement.getInstance("ECDH", "SunEC");
        other.init(theirs.getPrivate());
        other.doPhase(software(publicKey), true);
        byte[] expected = other.generateSecret();

        KeyAgreement one = KeyAgreement.getInstance("ECDH", token);
        one.init(key);
        one.doPhase(theirs.getPublic(), true);
        equal(hmac(token, one.generateSecret("TlsPremasterSecret")), hmac(Security.getProvider("SunJCE"), new SecretKeySpec(expected, "HmacSHA256")));
        if (prefix.equals("default")) return;
        one.doPhase(theirs.getPublic(), true);
        equal(one.generateSecret(), expected);
    }

    static byte[] hmac(Provider provider, SecretKey key) throws Exception {
        Mac mac = Mac.getInstance("HmacSHA256", provider);
        mac.init(key);
        return mac.doFinal(data);
    }

    static void macs() {
        for (String name : List.of("HmacSHA1", "HmacSHA224", "HmacSHA256", "HmacSHA384", "HmacSHA512"))
            for (int length : List.of(16, 32, 100))
                task("Mac " + name + " with a key of " + length + " bytes", () -> {
                    byte[] bytes = new byte[length];
                    new SecureRandom().nextBytes(bytes);
                    SecretKey key = new SecretKeySpec(bytes, name);
                    Mac ours = Mac.getInstance(name, token);
                    ours.init(key);
                    Mac jdk = Mac.getInstance(name, "SunJCE");
                    jdk.init(key);
                    equal(ours.doFinal(data), jdk.doFinal(data));
                    ours.update(data, 0, 7);
                    ours.update(data, 7, data.length - 7);
                    equal(ours.doFinal(), jdk.doFinal(data));
                });
    }

    static void digestsAndRandom() {
        for (String name : List.of("SHA-1", "SHA-224", "SHA-256", "SHA-384", "SHA-512"))
            task("MessageDigest " + name, () -> {
                MessageDigest digest = MessageDigest.getInstance(name, token);
                MessageDigest jdk = MessageDigest.getInstance(name, "SUN");
                equal(digest.digest(data), jdk.digest(data));
                for (byte one : data) digest.update(one);
                equal(digest.digest(), jdk.digest(data));
            });
        task("SecureRandom", () -> {
            SecureRandom random = SecureRandom.getInstance("PKCS11", token);
            byte[] one = new byte[64];
            byte[] other = new byte[64];
            random.nextBytes(one);
            random.setSeed(one);
            random.nextBytes(other);
            hold(!Arrays.equals(one, other) && !Arrays.equals(one, new byte[64]), "not random");
        });
    }

    // --- objects brought in ---------------------------------------------------------------------------------------------------

    static void imported() {
        task("KeyStore takes an AES key, gives it back, deletes it", () -> {
            store.setKeyEntry("java-aes", new SecretKeySpec(new byte[32], "AES"), null, null);
            store.load(null, pin);
            Key key = store.getKey("java-aes", null);
            GCMParameterSpec gcm = new GCMParameterSpec(128, new byte[12]);
            equal(cipher("AES/GCM/NoPadding", Cipher.ENCRYPT_MODE, key, gcm, token).doFinal(data),
                    cipher("AES/GCM/NoPadding", Cipher.ENCRYPT_MODE, new SecretKeySpec(new byte[32], "AES"), gcm, Security.getProvider("SunJCE")).doFinal(data));
            store.deleteEntry("java-aes");
            store.load(null, pin);
            hold(!store.containsAlias("java-aes"), "it is still there");
        });
    }

    // --- TLS and threads ----------------------------------------------------------------------------------------------------------

    static void tls() {
        for (String version : List.of("TLSv1.3", "TLSv1.2"))
            task("a server with the token's keys, " + version, () -> {
                KeyManagerFactory keys = KeyManagerFactory.getInstance("PKIX");
                keys.init(store, null);
                SSLContext server = SSLContext.getInstance("TLS");
                server.init(keys.getKeyManagers(), null, null);
                SSLContext client = SSLContext.getInstance("TLS");
                client.init(null, trust().getTrustManagers(), null);
                try (SSLServerSocket listener = (SSLServerSocket) server.getServerSocketFactory().createServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
                    Thread answering = new Thread(() -> answer(listener));
                    answering.start();
                    try (SSLSocket socket = (SSLSocket) client.getSocketFactory().createSocket(listener.getInetAddress(), listener.getLocalPort())) {
                        socket.setSoTimeout(30000);
                        socket.setEnabledProtocols(new String[] {version});
                        OutputStream out = socket.getOutputStream();
                        out.write(data);
                        out.flush();
                        equal(socket.getInputStream().readNBytes(data.length), data);
                        hold(socket.getSession().getProtocol().equals(version), socket.getSession().getProtocol());
                    }
                    answering.join(30000);
                }
            });
    }

    static TrustManagerFactory trust() throws Exception {
        KeyStore trusted = KeyStore.getInstance(KeyStore.getDefaultType());
        trusted.load(null, null);
        for (String alias : Collections.list(store.aliases())) trusted.setCertificateEntry(alias, store.getCertificate(alias));
        TrustManagerFactory factory = TrustManagerFactory.getInstance("PKIX");
        factory.init(trusted);
        return factory;
    }

    static void answer(SSLServerSocket listener) {
        try (SSLSocket socket = (SSLSocket) listener.accept()) {
            socket.setSoTimeout(30000);
            InputStream in = socket.getInputStream();
            byte[] read = in.readNBytes(data.length);
            socket.getOutputStream().write(read);
            socket.getOutputStream().flush();
        } catch (Exception error) {
            error.printStackTrace();
        }
    }

    static void threads() {
        task("eight threads sign fifty times each", () -> {
            ExecutorService threads = Executors.newFixedThreadPool(8);
            List<Callable<Boolean>> tasks = IntStream.range(0, 8).<Callable<Boolean>>mapToObj(number -> () -> {
                String kind = number % 2 == 0 ? "ec" : "rsa";
                String algorithm = number % 2 == 0 ? "SHA256withECDSA" : "SHA256withRSA";
                for (int round = 0; round < 50; round++) signature(algorithm, null, stored(kind), storedPublic(kind), data);
                return true;
            }).toList();
            for (Future<Boolean> result : threads.invokeAll(tasks)) result.get();
            threads.shutdown();
        });
    }
}
