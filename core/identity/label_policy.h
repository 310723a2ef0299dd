// LabelPolicy: what a label's administrators allow its members, as it stands in the label's profile
// (docs/PROTOCOL.md, 4.3). The service enforces it; clients enforce of it what they can, so that
// the service cannot loosen it.
//
//   RECRYPT_ASSIGN(LabelPolicy policy, ReadLabelPolicy(json));
//   uint32_t lease = policy.LeaseAt(now);          // 0: outside of its hours
//   policy.NeedsReview("bob@example.net", uid);
//
// Thread safe.
#ifndef RECRYPT_CORE_IDENTITY_LABEL_POLICY_H_
#define RECRYPT_CORE_IDENTITY_LABEL_POLICY_H_

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "core/base/network.h"
#include "core/base/time_zone.h"
#include "core/json/json.h"
#include "core/label/expression.h"

namespace recrypt {

struct Principal {
  AccountName account;
  std::string udf;
  bool operator==(const Principal&) const = default;
};

enum class Writers { kCredentialed, kAnyone };

// Whether writers bind their ephemerals (docs/FORMAT.md, 2.3), and whether a grant needs that.
enum class Ephemerals { kAny, kBound, kRequired };

// So many openings in so long, counted from the first one: for each member, each device of one, or
// all together.
enum class QuotaPer { kMember, kDevice, kLabel };
struct Quota {
  QuotaPer per = QuotaPer::kMember;
  uint32_t opens = 0;
  uint32_t seconds = 0;
};
std::string_view QuotaPerName(QuotaPer per);  // "member", "device", "label"
Result<QuotaPer> ParseQuotaPer(std::string_view name);

struct OpeningHours {
  std::string zone;  // as people call it, such as Europe/Berlin
  TimeZone rule;
  struct Window {
    unsigned days = 0;  // bit 0: Sunday … bit 6: Saturday
    unsigned from = 0;  // minutes of the day, 0 to 1439
    unsigned to = 0;    // after `from`, up to 1440
  };
  std::vector<Window> windows;

  // Seconds until the window ends that this time lies in; 0 when it lies in none.
  int64_t OpenFor(int64_t now) const;
};

// What a supervisor decides about before it is opened.
struct ReviewPolicy {
  bool all_documents = false;
  std::vector<Bytes> documents;      // ids
  std::vector<std::string> members;  // accounts, for which every document is reviewed
  std::vector<Principal> supervisors;
  uint32_t decision_seconds = 86400;  // how long a decision holds at most

  bool any() const { return all_documents || !documents.empty() || !members.empty(); }
};

struct LabelPolicy {
  uint32_t lease_seconds = 900;  // 1 to 86,400
  Writers writers = Writers::kCredentialed;
  std::vector<Quota> quotas = {};
  std::optional<OpeningHours> hours = {};  // none: always
  std::vector<Network> networks = {};      // of readers; none: any
  ReviewPolicy review = {};
  bool prefetch = true;
  // When a member is removed from a label of at most so many, it gets a new key at once.
  uint32_t rotate_up_to = kRotateUpTo;
  // How long what was opened may be opened again while the service cannot be reached; 0: not at
  // all, else 60 to 2,592,000 seconds.
  uint32_t offline_seconds = 0;
  Ephemerals ephemerals = Ephemerals::kAny;

  static constexpr uint32_t kRotateUpTo = 50;
  // Neither quota nor review: a prefetch opens nothing, and must not use them up.
  bool MayPrefetch() const { return prefetch && quotas.empty() && !review.any(); }
  // Nobody can decide about what is opened offline.
  uint32_t OfflineSeconds() const { return review.any() ? 0 : offline_seconds; }
  // How long a grant may be of use at most, in one way or the other.
  uint32_t LongestUse() const { return std::max(lease_seconds, OfflineSeconds()); }
  // How long a grant lasts that is given now: to the end of the hours at most, 0 outside of them.
  uint32_t LeaseAt(int64_t now) const;
  bool AllowsAddress(const std::string& address) const;
  bool NeedsReview(const std::string& account, ByteSpan document) const;
};

std::string_view EphemeralsName(Ephemerals ephemerals);  // "any", "bound", "required"
Result<Ephemerals> ParseEphemerals(std::string_view name);

Json WriteLabelPolicy(const LabelPolicy& policy);
// kInvalid for what is out of bounds, and for members of the object that this program does not
// know: a policy must not be enforced in part.
Result<LabelPolicy> ReadLabelPolicy(const Json& object);

// "mon", "tue" … by the bit of OpeningHours::Window::days.
std::string_view DayName(unsigned bit);
std::string FormatMinute(unsigned minute);  // "08:30"
Result<unsigned> ParseMinute(std::string_view text);

}  // namespace recrypt

#endif  // RECRYPT_CORE_IDENTITY_LABEL_POLICY_H_
