#include "daemon/mount/notice.h"

#include <ctime>

#include "core/json/utf8.h"

namespace recrypt {
namespace {

constexpr size_t kMaxLabels = 200;
constexpr size_t kMaxAccount = 100;

bool IsContinuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

// The time of day here, as the person at the desktop reads it from a clock.
std::string TimeOfDay(int64_t seconds) {
  const time_t time = static_cast<time_t>(seconds);
  struct tm parts {};
  char text[16];
  if (localtime_r(&time, &parts) == nullptr) return "an earlier time";
  return std::string(text, strftime(text, sizeof text, "%H:%M", &parts));
}

}  // namespace

std::string NoticeText(std::string_view text, size_t max) {
  if (!IsUtf8(text)) return "?";
  const bool cut = text.size() > max;
  if (cut) {
    while (max > 0 && IsContinuation(text[max])) --max;
    text = text.substr(0, max);
  }
  std::string shown;
  for (const char c : text) {
    switch (c) {
      case '&':
        shown += "&amp;";
        break;
      case '<':
        shown += "&lt;";
        break;
      case '>':
        shown += "&gt;";
        break;
      default:
        shown += static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? ' ' : c;
    }
  }
  return cut ? shown + "…" : shown;
}

Notice AccessEnded(std::string_view labels, ErrorCode why) {
  const char* reason = why == ErrorCode::kForbidden ? "Its policy does not allow it now."
                                                    : "The service refuses this device.";
  return {"Access has ended", "Documents under " + NoticeText(labels, kMaxLabels) +
                                  " can no longer be read here. " + reason +
                                  " “recryptfs why FILE” says more."};
}

Notice ReviewDecided(std::string_view label, const OwnReview& review, int64_t asked) {
  const bool approved = review.state == OwnReview::State::kApproved;
  std::string body = "The document under " + NoticeText(label, kMaxLabels) +
                     " that you tried to open at " + TimeOfDay(asked) +
                     (approved ? " can be opened now." : " stays closed.");
  if (!review.by.empty()) {
    body += std::string(approved ? " Approved by " : " Denied by ") +
            NoticeText(review.by, kMaxAccount) + ".";
  }
  return {approved ? "Access approved" : "Access denied", std::move(body)};
}

}  // namespace recrypt
