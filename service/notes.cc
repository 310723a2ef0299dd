#include "service/notes.h"

namespace recrypt {
namespace {

constexpr int64_t kLongestLife = 86400;
// An expired note is told from one that never was, and none takes its place.
constexpr int64_t kRemembered = 86400;
constexpr size_t kMaxContent = 64 << 10;
constexpr int64_t kMaxNotesOfDevice = 64;
constexpr int64_t kMaxNotes = 10'000;

}  // namespace

Status AddNote(StoreTransaction& transaction, const StoredNote& note, int64_t now) {
  if (note.expires <= now || note.expires > now + kLongestLife) {
    return Fail(ErrorCode::kInvalid, "a note expires within a day");
  }
  if (note.content.size() > kMaxContent) {
    return Fail(ErrorCode::kInvalid, "a note has at most 64 KiB");
  }
  RECRYPT_TRY(transaction.ForgetNotes(now - kRemembered));
  RECRYPT_ASSIGN(const auto before, transaction.FindNote(note.id));
  if (before) {
    // An answer may have been lost: the same again is no mistake.
    if (before->device == note.device && before->content == note.content) return {};
    return Fail(ErrorCode::kExists, "a note of this id was left before");
  }
  RECRYPT_ASSIGN(const int64_t left, transaction.CountNotes(note.device));
  if (left >= kMaxNotesOfDevice) {
    return Fail(ErrorCode::kQuota, "the device has left too many notes");
  }
  RECRYPT_ASSIGN(const int64_t all, transaction.CountNotes(""));
  if (all >= kMaxNotes) return Fail(ErrorCode::kBusy, "there are too many notes");
  return transaction.PutNote(note);
}

Result<std::string> FindNote(StoreView& view, const std::string& id, int64_t now) {
  RECRYPT_ASSIGN(auto found, view.FindNote(id));
  if (!found) return Fail(ErrorCode::kNotFound, "there is no such note");
  if (found->expires <= now) return Fail(ErrorCode::kStale, "the note has expired");
  return std::move(found->content);
}

}  // namespace recrypt
