// The examples of the JOSE standards, as far as their algorithms are spoken here.
#include <gtest/gtest.h>

#include "core/jose/jwe.h"
#include "core/jose/jwk.h"
#include "core/jose/jws.h"
#include "tests/unit/hex.h"

namespace recrypt {
namespace {

Json Parse(std::string_view text) { return ParseJson(text).value(); }

// RFC 8037, A.1
const char* const kEd25519Jwk = R"({"kty":"OKP","crv":"Ed25519",
    "d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
    "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})";

TEST(Rfc8037, PrivateKeyOfA1) {
  const PrivateKey key = PrivateKeyFromJwk(Parse(kEd25519Jwk)).value();
  EXPECT_EQ(ToHex(key.RevealBytes()),
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
  EXPECT_EQ(ToPrivateJwk(key), Parse(kEd25519Jwk));
}

TEST(Rfc8037, ThumbprintOfA3) {
  EXPECT_EQ(JwkThumbprint(Parse(kEd25519Jwk)).value(),
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

TEST(Rfc8037, SignatureOfA4AndA5) {
  const PublicKey key = PublicKeyFromJwk(Parse(kEd25519Jwk)).value();
  EXPECT_EQ(VerifyCompactJws("eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCj"
                             "P0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_"
                             "MuM0KAg",
                             key)
                .value(),
            "Example of Ed25519 signing");
}

TEST(Rfc8037, AgreementOfA6) {
  const PublicKey bob = PublicKeyFromJwk(Parse(R"({"kty":"OKP","crv":"X25519","kid":"Bob",
                                 "x":"3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08"})"))
                            .value();
  const PrivateKey ephemeral =
      PrivateKey::FromBytes(Curve::kX25519,
                            Hex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"))
          .value();
  EXPECT_EQ(ToJwk(ephemeral.public_key()), Parse(R"({"kty":"OKP","crv":"X25519",
                      "x":"hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo"})"));
  EXPECT_EQ(ToHex(ephemeral.Agree(bob).value()),
            "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
}

// RFC 7515, A.3
const char* const kEs256Jwk = R"({"kty":"EC","crv":"P-256",
    "x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    "d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"})";

TEST(Rfc7515, Es256SignatureOfA3) {
  const PrivateKey key = PrivateKeyFromJwk(Parse(kEs256Jwk)).value();
  EXPECT_EQ(VerifyCompactJws(
                "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9l"
                "eGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCg"
                "fTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
                key.public_key())
                .value(),
            "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}");
}

TEST(Rfc7517, KeysOfA1AndA2) {
  const Json jwk = Parse(R"({"kty":"EC","crv":"P-256",
      "x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
      "y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
      "d":"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE","use":"enc","kid":"1"})");
  EXPECT_TRUE(PrivateKeyFromJwk(jwk));
  EXPECT_TRUE(CheckJwkPurpose(jwk, {"enc", {}, "ECDH-ES"}));
  EXPECT_FALSE(CheckJwkPurpose(jwk, {"sig", {}, "ES256"}));
}

TEST(Rfc7638, ThumbprintOfSection31) {
  const Json jwk =
      Parse(R"({"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4)"
            R"(cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2)"
            R"(W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAt)"
            R"(aSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4v)"
            R"(MQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzK)"
            R"(nqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"})");
  EXPECT_EQ(JwkThumbprint(jwk).value(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
}

TEST(Rfc7518, ConcatKdfOfAppendixC) {
  const PrivateKey alice = PrivateKeyFromJwk(Parse(R"({"kty":"EC","crv":"P-256",
      "x":"gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0",
      "y":"SLW_xSffzlPWrHEVI30DHM_4egVwt3NQqeUD7nMFpps",
      "d":"0_NxaRPUMQoAJt50Gz8YiTr8gRTwyEaCumd-MToTmIo"})"))
                               .value();
  const PublicKey bob = PublicKeyFromJwk(Parse(R"({"kty":"EC","crv":"P-256",
      "x":"weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ",
      "y":"e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck"})"))
                            .value();
  const Secret z = alice.Agree(bob).value();
  const Secret key = ConcatKdf(z.Reveal(), "A128GCM", AsBytes("Alice"), AsBytes("Bob"), 128);
  EXPECT_EQ(Base64UrlEncode(key.Reveal()), "VqqN6vgjbSBcIijNcacQGg");
}

// RFC 7516, A.3 to A.5, under the key of RFC 7517, A.3.
const char* const kA128KwJwk = R"({"kty":"oct","alg":"A128KW","k":"GawgguFyGrWKav7AX4VKUg"})";

TEST(Rfc7516, CompactOfA3) {
  EXPECT_EQ(AsText(DecryptJweAny("eyJhbGciOiJBMTI4S1ciLCJlbmMiOiJBMTI4Q0JDLUhTMjU2In0."
                                 "6KB707dM9YTIgHtLvtgWQ8mKwboJW3of9locizkDTHzBC2IlrT1oOQ."
                                 "AxY8DCtDaGlsbGljb3RoZQ."
                                 "KDlTtXchhZTGufMYmOYGS4HffxPSUrfmqCHXaI9wOGY."
                                 "U0m_YmjN04DJvceFICbCVQ",
                                 Parse(kA128KwJwk))
                       .value()
                       .Reveal()),
            "Live long and prosper.");
}

TEST(Rfc7516, GeneralOfA4SecondRecipient) {
  const char* const kJwe =
      R"({"protected":"eyJlbmMiOiJBMTI4Q0JDLUhTMjU2In0",
          "unprotected":{"jku":"https://server.example.com/keys.jwks"},
          "recipients":[
           {"header":{"alg":"RSA1_5","kid":"2011-04-29"},"encrypted_key":"UGhIOguC7IuE"},
           {"header":{"alg":"A128KW","kid":"7"},
            "encrypted_key":"6KB707dM9YTIgHtLvtgWQ8mKwboJW3of9locizkDTHzBC2IlrT1oOQ"}],
          "iv":"AxY8DCtDaGlsbGljb3RoZQ",
          "ciphertext":"KDlTtXchhZTGufMYmOYGS4HffxPSUrfmqCHXaI9wOGY",
          "tag":"Mz-VPPyU4RlcuYv1IwIvzw"})";
  EXPECT_EQ(AsText(DecryptJweAny(kJwe, Parse(kA128KwJwk)).value().Reveal()),
            "Live long and prosper.");
}

TEST(Rfc7516, FlattenedOfA5) {
  const char* const kJwe =
      R"({"protected":"eyJlbmMiOiJBMTI4Q0JDLUhTMjU2In0",
          "unprotected":{"jku":"https://server.example.com/keys.jwks"},
          "header":{"alg":"A128KW","kid":"7"},
          "encrypted_key":"6KB707dM9YTIgHtLvtgWQ8mKwboJW3of9locizkDTHzBC2IlrT1oOQ",
          "iv":"AxY8DCtDaGlsbGljb3RoZQ",
          "ciphertext":"KDlTtXchhZTGufMYmOYGS4HffxPSUrfmqCHXaI9wOGY",
          "tag":"Mz-VPPyU4RlcuYv1IwIvzw"})";
  EXPECT_EQ(AsText(DecryptJweAny(kJwe, Parse(kA128KwJwk)).value().Reveal()),
            "Live long and prosper.");
}

// RFC 7520, 5.10 to 5.12: additional data, and headers that are partly or wholly unprotected.
const char* const kHobbitonJwk =
    R"({"kty":"oct","kid":"81b20965-8332-43d9-a468-82160ad91ac8","use":"enc","alg":"A128KW",
        "k":"GZy6sIZ6wl9NJOKB-jnmVQ"})";
const char* const kHobbitonText =
    "You can trust us to stick with you through thick and thin\xe2\x80\x93to the bitter end. And "
    "you can trust us to keep any secret of yours\xe2\x80\x93"
    "closer than you keep it yourself. But you cannot trust us to let you face trouble alone, and "
    "go off without a word. We are your friends, Frodo.";

TEST(Rfc7520, AdditionalDataOfSection510) {
  const std::string jwe =
      R"({"recipients":[{"encrypted_key":"4YiiQ_ZzH76TaIkJmYfRFgOV9MIpnx4X"}],)"
      R"("protected":"eyJhbGciOiJBMTI4S1ciLCJraWQiOiI4MWIyMDk2NS04MzMyLTQzZDktYTQ2OC04MjE2MGFkOTFh)"
      R"(YzgiLCJlbmMiOiJBMTI4R0NNIn0","iv":"veCx9ece2orS7c_N","aad":"WyJ2Y2FyZCIsW1sidmVyc2lvbiIse3)"
      R"(0sInRleHQiLCI0LjAiXSxbImZuIix7fSwidGV4dCIsIk1lcmlhZG9jIEJyYW5keWJ1Y2siXSxbIm4iLHt9LCJ0ZXh0)"
      R"(IixbIkJyYW5keWJ1Y2siLCJNZXJpYWRvYyIsIk1yLiIsIiJdXSxbImJkYXkiLHt9LCJ0ZXh0IiwiVEEgMjk4MiJdL)"
      R"(FsiZ2VuZGVyIix7fSwidGV4dCIsIk0iXV1d","ciphertext":"Z_3cbr0k3bVM6N3oSNmHz7Lyf3iPppGf3Pj17wNZ)"
      R"(qteJ0Ui8p74SchQP8xygM1oFRWCNzeIa6s6BcEtp8qEFiqTUEyiNkOWDNoF14T_4NFqF-p2Mx8zkbKxI7oPK8KNarFb)"
      R"(yxIDvICNqBLba-v3uzXBdB89fzOI-Lv4PjOFAQGHrgv1rjXAmKbgkft9cB4WeyZw8MldbBhc-V_KWZslrsLNygon_JJ)"
      R"(Wd_ek6LQn5NRehvApqf9ZrxB4aq3FXBxOxCys35PhCdaggy2kfUfl2OkwKnWUbgXVD1C6HxLIlqHhCwXDG59weHrRDQ)"
      R"(eHyMRoBljoV3X_bUTJDnKBFOod7nLz-cj48JMx3SnCZTpbQAkFV","tag":"vOaH_Rajnpy_3hOtqvZHRA"})";
  EXPECT_EQ(AsText(DecryptJweAny(jwe, Parse(kHobbitonJwk)).value().Reveal()), kHobbitonText);
  Json without = Parse(jwe);
  without.erase("aad");
  EXPECT_FALSE(DecryptJweAny(DumpJson(without), Parse(kHobbitonJwk)));
}

TEST(Rfc7520, PartlyProtectedHeaderOfSection511) {
  const std::string jwe =
      R"({"protected":"eyJlbmMiOiJBMTI4R0NNIn0","unprotected":{"alg":"A128KW",)"
      R"("kid":"81b20965-8332-43d9-a468-82160ad91ac8"},)"
      R"("encrypted_key":"jJIcM9J-hbx3wnqhf5FlkEYos0sHsF0H","iv":"WgEJsDS9bkoXQ3nR","ciphertext":)"
      R"("lIbCyRmRJxnB2yLQOTqjCDKV3H30ossOw3uD9DPsqLL2DM3swKkjOwQyZtWsFLYMj5YeLht_StAn21tHmQJuuNt64T)"
      R"(8D4t6C7kC9OCCJ1IHAolUv4MyOt80MoPb8fZYbNKqplzYJgIL58g8N2v46OgyG637d6uuKPwhAnTGm_zWhqc_srOvgi)"
      R"(LkzyFXPq1hBAURbc3-8BqeRb48iR1-_5g5UjWVD3lgiLCN_P7AW8mIiFvUNXBPJK3nOWL4teUPS8yHLbWeL83olU4UA)"
      R"(gL48x-8dDkH23JykibVSQju-f7e-1xreHWXzWLHs1NqBbre0dEwK3HX_xM0LjUz77Krppgegoutpf5qaKg3l-_xMINm)"
      R"(f","tag":"fNYLqpUe84KD45lvDiaBAQ"})";
  EXPECT_EQ(AsText(DecryptJweAny(jwe, Parse(kHobbitonJwk)).value().Reveal()), kHobbitonText);
}

TEST(Rfc7520, UnprotectedHeaderOfSection512) {
  const std::string jwe =
      R"({"recipients":[{"encrypted_key":"244YHfO_W7RMpQW81UjQrZcq5LSyqiPv"}],)"
      R"("unprotected":{"alg":"A128KW","kid":"81b20965-8332-43d9-a468-82160ad91ac8",)"
      R"("enc":"A128GCM"},"iv":"YihBoVOGsR1l7jCD","ciphertext":)"
      R"("qtPIMMaOBRgASL10dNQhOa7Gqrk7Eal1vwht7R4TT1uq-arsVCPaIeFwQfzrSS6oEUWbBtxEasE0vC6r7sphyVziM)"
      R"(CVJEuRJyoAHFSP3eqQPb4Ic1SDSqyXjw_L3svybhHYUGyQuTmUQEDjgjJfBOifwHIsDsRPeBz1NomqeifVPq5GTCWFo)"
      R"(5k_MNIQURR2Wj0AHC2k7JZfu2iWjUHLF8ExFZLZ4nlmsvJu_mvifMYiikfNfsZAudISOa6O73yPZtL04k_1FI7WDfrb)"
      R"(2w7OqKLWDXzlpcxohPVOLQwpA3mFNRKdY-bQz4Z4KX9lfz1cne31N4-8BKmojpw-OdQjKdLOGkC445Fb_K1tlDQXw2s)"
      R"(BF","tag":"e2m0Vm7JvjK2VpCKXS-kyg"})";
  EXPECT_EQ(AsText(DecryptJweAny(jwe, Parse(kHobbitonJwk)).value().Reveal()), kHobbitonText);
}

}  // namespace
}  // namespace recrypt
