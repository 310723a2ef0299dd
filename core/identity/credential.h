// Credential: a label's word that a device may write documents under it (docs/FORMAT.md, 4).
//
//   RECRYPT_ASSIGN(Bytes text, IssueCredential(label_master, fields));       // administrator
//   RECRYPT_ASSIGN(Credential c, VerifyCredential(text, label_master_public, now));  // reader
//
// Thread safe.
#ifndef RECRYPT_CORE_IDENTITY_CREDENTIAL_H_
#define RECRYPT_CORE_IDENTITY_CREDENTIAL_H_

#include <string>

#include "core/crypto/keys.h"

namespace recrypt {

struct Credential {
  PublicKey device;  // Ed25519 or P-256 signature key
  bool may_write = true;
  uint32_t epoch = 1;    // the label's key epoch at the time of signing
  uint64_t expires = 0;  // seconds since 1970
  std::string subject;   // account, or the UDF of its profile when the account is over 36 bytes
};

constexpr size_t kMaxCredentialSubject = 36;

// The account's name if it fits, else `profile_udf`.
std::string CredentialSubject(std::string_view account, std::string_view profile_udf);

// The bytes of a signed credential. kInvalid when a field is out of range.
Result<Bytes> IssueCredential(const PrivateKey& label_master, const Credential& fields);

// Parses a credential at the start of `data` without verifying it; `size` is what it takes.
struct ParsedCredential {
  Credential fields;
  size_t size = 0;
};
Result<ParsedCredential> ParseCredential(ByteSpan data);

// kDenied when the signature is not by `label_master`, it may not write, or it expired before
// `now`.
Result<Credential> VerifyCredential(ByteSpan data, const PublicKey& label_master, int64_t now);

}  // namespace recrypt

#endif  // RECRYPT_CORE_IDENTITY_CREDENTIAL_H_
