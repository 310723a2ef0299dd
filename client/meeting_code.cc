#include "client/meeting_code.h"

#include "core/crypto/symmetric.h"
#include "core/udf/udf_text.h"

namespace recrypt {
namespace {

constexpr size_t kCodeBytes = 10;
constexpr size_t kNoteIdSize = 16;

Secret Derive(const Secret& bits, std::string_view what, std::string_view purpose, size_t size) {
  const std::string info = "recryptfs code 1 " + std::string(what) + " " + std::string(purpose);
  return Hkdf(HashAlgorithm::kSha256, bits.Reveal(), {}, AsBytes(info), size).value();
}

}  // namespace

MeetingCode MeetingCode::Generate() { return MeetingCode(Secret::Random(kCodeBytes)); }

Result<MeetingCode> MeetingCode::Parse(std::string_view text) {
  std::string typed;
  for (const char c : text) {
    if (c != ' ' && c != '\t' && c != '\r') typed += c;
  }
  const auto characters = UdfCharacters(typed);
  if (!characters || characters->size() != kCodeBytes * 8 / 5) {
    return Fail(ErrorCode::kInvalid,
                "a code has 16 letters and digits 2 to 7, as in "
                "KRQ7-WBI2-5XNA-MCPZ");
  }
  RECRYPT_ASSIGN(Bytes bits, Base32Decode(*characters));
  return MeetingCode(Secret::TakeFrom(bits));
}

std::string MeetingCode::text() const { return GroupUdf(Base32Encode(bits_.Reveal())); }

MeetingCode MeetingCode::Follow(std::string_view purpose) const {
  return MeetingCode(Derive(bits_, "code", purpose, kCodeBytes));
}

Bytes MeetingCode::NoteId(std::string_view purpose) const {
  return ToBytes(Derive(bits_, "note", purpose, kNoteIdSize).Reveal());
}

Json MeetingCode::Seal(std::string_view purpose, const Json& content) const {
  std::string text = DumpJson(content);
  const auto nonce = RandomArray<kAeadNonceSize>();
  Bytes sealed(text.size() + kAeadTagSize);
  Aead(Derive(bits_, "key", purpose, kAeadKeySize))
      .Seal(nonce, {}, AsBytes(text), sealed.data(), sealed.data() + text.size());
  Wipe(text);
  return {{"nonce", Base64UrlEncode(nonce)}, {"sealed", Base64UrlEncode(sealed)}};
}

Result<Json> MeetingCode::Open(std::string_view purpose, const Json& object) const {
  RECRYPT_ASSIGN(const Bytes nonce, GetBytes(object, "nonce"));
  RECRYPT_ASSIGN(const Bytes sealed, GetBytes(object, "sealed"));
  if (nonce.size() != kAeadNonceSize || sealed.size() < kAeadTagSize) {
    return Fail(ErrorCode::kCorrupt, "what is sealed under the code is cut short");
  }
  Secret text(sealed.size() - kAeadTagSize);
  if (!Aead(Derive(bits_, "key", purpose, kAeadKeySize))
           .Open(nonce, {}, ByteSpan(sealed).first(text.size()),
                 ByteSpan(sealed).last(kAeadTagSize), text.RevealMutable().data())) {
    return Fail(ErrorCode::kCorrupt, "it was sealed under another code");
  }
  return ParseJson(AsText(text.Reveal()));
}

Status MeetingCode::Leave(ServiceClient& service, std::string_view purpose, const Json& content,
                          int64_t expires) const {
  return service.SetNote(NoteId(purpose), Seal(purpose, content), expires);
}

Result<Json> MeetingCode::Find(ServiceClient& service, std::string_view purpose) const {
  RECRYPT_ASSIGN(const Json note, service.GetNote(NoteId(purpose)));
  return Open(purpose, note);
}

}  // namespace recrypt
