#include "service/notes.h"

#include <algorithm>

namespace recrypt {
namespace {

constexpr int64_t kLongestLife = 86400;
// An expired note is told from one that never was, and none takes its place.
constexpr int64_t kRemembered = 86400;
constexpr size_t kMaxContent = 64 << 10;
constexpr int64_t kMaxNotesOfDevice = 64;
constexpr size_t kMaxNotes = 10'000;

}  // namespace

void Notes::Forget(int64_t now) {
  std::erase_if(notes_, [now](const auto& one) { return one.second.expires + kRemembered < now; });
}

Status Notes::Add(Note note, int64_t now) {
  if (note.expires <= now || note.expires > now + kLongestLife) {
    return Fail(ErrorCode::kInvalid, "a note expires within a day");
  }
  if (note.content.size() > kMaxContent) {
    return Fail(ErrorCode::kInvalid, "a note has at most 64 KiB");
  }
  const std::lock_guard guard(mutex_);
  Forget(now);
  const auto before = notes_.find(note.id);
  if (before != notes_.end()) {
    // An answer may have been lost: the same again is no mistake.
    if (before->second.device == note.device && before->second.content == note.content) return {};
    return Fail(ErrorCode::kExists, "a note of this id was left before");
  }
  const auto left = std::count_if(notes_.begin(), notes_.end(), [&note](const auto& one) {
    return one.second.device == note.device;
  });
  if (left >= kMaxNotesOfDevice) {
    return Fail(ErrorCode::kQuota, "the device has left too many notes");
  }
  if (notes_.size() >= kMaxNotes) return Fail(ErrorCode::kBusy, "there are too many notes");
  const std::string id = note.id;
  notes_.emplace(id, std::move(note));
  return {};
}

Result<std::string> Notes::Find(const std::string& id, int64_t now) const {
  const std::lock_guard guard(mutex_);
  const auto found = notes_.find(id);
  if (found == notes_.end()) return Fail(ErrorCode::kNotFound, "there is no such note");
  if (found->second.expires <= now) return Fail(ErrorCode::kStale, "the note has expired");
  return found->second.content;
}

}  // namespace recrypt
