#include "core/identity/credential.h"

#include <algorithm>

#include "core/crypto/verified_signatures.h"
#include "core/udf/udf.h"

namespace recrypt {
namespace {

constexpr uint8_t kEd25519 = 1;
constexpr uint8_t kEs256 = 2;
constexpr uint8_t kMayWrite = 1;
constexpr size_t kSignatureSize = 64;

Status CheckSubject(std::string_view subject) {
  if (subject.empty() || subject.size() > kMaxCredentialSubject) {
    return Fail(ErrorCode::kInvalid, "a credential's subject has 1 to 36 bytes");
  }
  if (std::any_of(subject.begin(), subject.end(),
                  [](char c) { return static_cast<unsigned char>(c) < 0x21 || c == 0x7F; })) {
    return Fail(ErrorCode::kInvalid, "a credential's subject has a control character or a blank");
  }
  return {};
}

// The fields as they are signed and written.
Result<Bytes> ComposeFields(const Credential& fields) {
  const Curve curve = fields.device.curve();
  if (curve == Curve::kX25519) {
    return Fail(ErrorCode::kInvalid, "a device signs with Ed25519 or P-256");
  }
  RECRYPT_TRY(CheckSubject(fields.subject));
  Bytes text;
  text.push_back(curve == Curve::kEd25519 ? kEd25519 : kEs256);
  text.push_back(fields.may_write ? kMayWrite : 0);
  AppendU32(text, fields.epoch);
  AppendU64(text, fields.expires);
  Append(text, fields.device.CompressedBytes());
  text.push_back(static_cast<uint8_t>(fields.subject.size()));
  Append(text, AsBytes(fields.subject));
  return text;
}

// What the label's master key signs: bound to that key's fingerprint, so that a credential cannot
// be shown under another label.
Bytes SignedText(const PublicKey& label_master, ByteSpan fields) {
  const std::string udf = KeyUdf(label_master);
  Bytes text = ToBytes(AsBytes("jcd/1 credential"));
  text.push_back(0);
  text.push_back(static_cast<uint8_t>(udf.size()));
  Append(text, AsBytes(udf));
  Append(text, fields);
  return text;
}

}  // namespace

std::string CredentialSubject(std::string_view account, std::string_view profile_udf) {
  return std::string(account.size() <= kMaxCredentialSubject ? account : profile_udf);
}

Result<Bytes> IssueCredential(const PrivateKey& label_master, const Credential& fields) {
  RECRYPT_ASSIGN(Bytes text, ComposeFields(fields));
  RECRYPT_ASSIGN(const Bytes signature,
                 label_master.Sign(SignedText(label_master.public_key(), text)));
  Append(text, signature);
  return text;
}

Result<ParsedCredential> ParseCredential(ByteSpan data) {
  constexpr size_t kHead = 1 + 1 + 4 + 8;
  const auto cut = [] { return Fail(ErrorCode::kInvalid, "a credential is cut short"); };
  if (data.size() < kHead) return cut();
  if (data[0] != kEd25519 && data[0] != kEs256) {
    return Fail(ErrorCode::kInvalid, "a credential for an unknown kind of key");
  }
  if ((data[1] & ~kMayWrite) != 0) {
    return Fail(ErrorCode::kInvalid, "a credential with unknown rights");
  }
  const Curve curve = data[0] == kEd25519 ? Curve::kEd25519 : Curve::kP256;
  const size_t key_size = curve == Curve::kEd25519 ? 32 : 33;
  if (data.size() < kHead + key_size + 1) return cut();
  RECRYPT_ASSIGN(PublicKey device, PublicKey::FromBytes(curve, data.subspan(kHead, key_size)));
  const size_t subject_size = data[kHead + key_size];
  const size_t size = kHead + key_size + 1 + subject_size + kSignatureSize;
  if (data.size() < size) return cut();
  const std::string_view subject = AsText(data.subspan(kHead + key_size + 1, subject_size));
  RECRYPT_TRY(CheckSubject(subject));
  return ParsedCredential{Credential{std::move(device), (data[1] & kMayWrite) != 0,
                                     LoadU32(&data[2]), LoadU64(&data[6]), std::string(subject)},
                          size};
}

Result<Credential> VerifyCredential(ByteSpan data, const PublicKey& label_master, int64_t now) {
  auto parsed = ParseCredential(data);
  if (!parsed) return Fail(ErrorCode::kDenied, parsed.error().message);
  const size_t signed_size = parsed->size - kSignatureSize;
  if (parsed->size != data.size() ||
      !VerifyRemembered(label_master, SignedText(label_master, data.first(signed_size)),
                        data.subspan(signed_size, kSignatureSize))) {
    return Fail(ErrorCode::kDenied, "a credential that the label's master key has not signed");
  }
  const Credential& fields = parsed->fields;
  if (!fields.may_write) {
    return Fail(ErrorCode::kDenied, "the credential of " + fields.subject + " lets nobody write");
  }
  if (now > 0 && fields.expires < static_cast<uint64_t>(now)) {
    return Fail(ErrorCode::kDenied, "the credential of " + fields.subject + " has expired");
  }
  return std::move(parsed->fields);
}

}  // namespace recrypt
