// MeetingCode: a short code that is shown on one device and typed on another, and the sealed notes
// that the two then leave for each other at a service. Who does not know the code can neither find
// nor read nor make one.
//
//   const MeetingCode code = MeetingCode::Generate();       // shown: KRQ7-WBI2-5XNA-MCPZ
//   RECRYPT_TRY(code.Leave(service, "offer", {{"account", "alice@example.com"}}, expires));
//
//   RECRYPT_ASSIGN(MeetingCode code, MeetingCode::Parse(typed));
//   RECRYPT_ASSIGN(Json offer, code.Find(service, "offer"));
//
// A note for a purpose is left once, and expires. Thread safe.
#ifndef RECRYPT_CLIENT_MEETING_CODE_H_
#define RECRYPT_CLIENT_MEETING_CODE_H_

#include <string>
#include <string_view>

#include "client/service_client.h"
#include "core/base/secret.h"

namespace recrypt {

class MeetingCode {
 public:
  // 80 random bits, which nobody guesses while it lives.
  static MeetingCode Generate();
  // Takes lower case, any dashes and blanks. kInvalid unless 16 letters and digits are left.
  static Result<MeetingCode> Parse(std::string_view text);
  std::string text() const;  // in groups of four

  // Another code that follows from this one, and tells nothing of it.
  MeetingCode Follow(std::string_view purpose) const;

  // kExists when one for this purpose was left before.
  Status Leave(ServiceClient& service, std::string_view purpose, const Json& content,
               int64_t expires) const;
  // kNotFound when there is none, kStale when it has expired, kCorrupt when another code sealed it.
  Result<Json> Find(ServiceClient& service, std::string_view purpose) const;

  // Seals a JSON value under a key that follows from the code, and opens it: kCorrupt when it was
  // another code.
  Json Seal(std::string_view purpose, const Json& content) const;
  Result<Json> Open(std::string_view purpose, const Json& sealed) const;

 private:
  explicit MeetingCode(Secret bits) : bits_(std::move(bits)) {}
  Bytes NoteId(std::string_view purpose) const;

  Secret bits_;
};

}  // namespace recrypt

#endif  // RECRYPT_CLIENT_MEETING_CODE_H_
