#include "cli/policy_settings.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "cli/quantities.h"
#include "client/durable_file.h"

namespace recrypt {
namespace {

constexpr size_t kMaxZoneFile = 1 << 16;

std::vector<std::string> SplitAt(const std::string& text, char separator) {
  std::vector<std::string> parts;
  for (size_t from = 0; from <= text.size();) {
    const size_t end = std::min(text.find(separator, from), text.size());
    if (end > from) parts.push_back(text.substr(from, end - from));
    from = end + 1;
  }
  return parts;
}

std::string Joined(const std::vector<std::string>& parts, const char* separator) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : separator) + part;
  return text;
}

std::string ShortDuration(uint32_t seconds) {
  for (const auto& [unit, letter] : {std::pair(86400u, "d"), {3600u, "h"}, {60u, "m"}}) {
    if (seconds % unit == 0) return std::to_string(seconds / unit) + letter;
  }
  return std::to_string(seconds) + "s";
}

Result<uint32_t> ParseNumber(const std::string& text) {
  uint32_t number = 0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number);
  if (parsed.ec == std::errc() && parsed.ptr == end) return number;
  return Fail(ErrorCode::kInvalid, "'" + text + "' is no number");
}

Result<std::vector<Principal>> FindPrincipals(const std::string& list, VerifiedProfiles& profiles) {
  std::vector<Principal> principals;
  for (const std::string& name : SplitAt(list, ',')) {
    RECRYPT_ASSIGN(const AccountName account, AccountName::Parse(name));
    RECRYPT_ASSIGN(const auto profile, profiles.Account(account, ProfileUse::kWrite));
    principals.push_back({account, profile->Udf()});
  }
  return principals;
}

std::string AccountsText(const std::vector<Principal>& principals) {
  std::vector<std::string> names;
  for (const Principal& one : principals) names.push_back(one.account.text());
  return Joined(names, ",");
}

Status SetLease(const std::string& value, VerifiedProfiles&, LabelPolicy& policy) {
  RECRYPT_ASSIGN(policy.lease_seconds, ParseDuration(value));
  return {};
}

Status SetWriters(const std::string& value, VerifiedProfiles&, LabelPolicy& policy) {
  if (value != "credentialed" && value != "anyone") {
    return Fail(ErrorCode::kInvalid, "writers is credentialed or anyone");
  }
  policy.writers = value == "anyone" ? Writers::kAnyone : Writers::kCredentialed;
  return {};
}

// member:100/1d,device:20/1h
Status SetQuota(const std::string& value, VerifiedProfiles&, LabelPolicy& policy) {
  policy.quotas.clear();
  if (value == "none") return {};
  for (const std::string& part : SplitAt(value, ',')) {
    const size_t colon = part.find(':');
    const size_t slash = part.find('/');
    if (colon == part.npos || slash == part.npos || slash < colon) {
      return Fail(ErrorCode::kInvalid, "'" + part + "' is no quota such as member:100/1d");
    }
    Quota quota;
    RECRYPT_ASSIGN(quota.per, ParseQuotaPer(part.substr(0, colon)));
    RECRYPT_ASSIGN(quota.opens, ParseNumber(part.substr(colon + 1, slash - colon - 1)));
    RECRYPT_ASSIGN(quota.seconds, ParseDuration(part.substr(slash + 1)));
    policy.quotas.push_back(quota);
  }
  return {};
}

// mon-fri, or mon,wed
Result<unsigned> ParseDays(const std::string& text) {
  const auto bit = [](const std::string& name) -> Result<unsigned> {
    for (unsigned day = 0; day < 7; ++day) {
      if (DayName(day) == name) return day;
    }
    return Fail(ErrorCode::kInvalid, "'" + name + "' is no day such as mon");
  };
  unsigned days = 0;
  for (const std::string& part : SplitAt(text, ',')) {
    const size_t dash = part.find('-');
    RECRYPT_ASSIGN(unsigned day, bit(part.substr(0, dash)));
    unsigned last = day;
    if (dash != part.npos) {
      RECRYPT_ASSIGN(last, bit(part.substr(dash + 1)));
    }
    days |= 1u << day;
    for (; day != last; days |= 1u << day) day = (day + 1) % 7;
  }
  return days;
}

// A zone of the tz database, whose rule stands in the last line of its file; or a rule itself.
Result<TimeZone> FindZone(const std::string& name) {
  if (name == "UTC") return TimeZone::Parse("UTC0");
  const bool plain = name.front() != '/' && name.find("..") == name.npos;
  const auto file = ReadSmallFile("/usr/share/zoneinfo/" + name, kMaxZoneFile);
  if (!plain || !file || file->empty()) return TimeZone::Parse(name);
  const std::string_view text = AsText(ByteSpan(*file).first(file->size() - 1));
  return TimeZone::Parse(text.substr(text.rfind('\n') + 1));
}

// mon-fri 08:00-18:00; sat 09:00-12:00; Europe/Berlin
Status SetHours(const std::string& value, VerifiedProfiles&, LabelPolicy& policy) {
  policy.hours.reset();
  if (value == "always") return {};
  const auto wrong = [&value] {
    return Fail(ErrorCode::kInvalid, "'" + value +
                                         "' are no hours such as "
                                         "'mon-fri 08:00-18:00; Europe/Berlin'");
  };
  std::vector<std::string> parts = SplitAt(value, ';');
  if (parts.size() < 2) return wrong();
  const std::string zone = Joined(SplitAt(parts.back(), ' '), "");
  parts.pop_back();
  RECRYPT_ASSIGN(TimeZone rule, FindZone(zone));
  OpeningHours hours{zone, std::move(rule), {}};
  for (const std::string& part : parts) {
    const std::vector<std::string> words = SplitAt(part, ' ');
    if (words.size() != 2 || words[1].size() != 11 || words[1][5] != '-') return wrong();
    OpeningHours::Window window;
    RECRYPT_ASSIGN(window.days, ParseDays(words[0]));
    RECRYPT_ASSIGN(window.from, ParseMinute(words[1].substr(0, 5)));
    RECRYPT_ASSIGN(window.to, ParseMinute(words[1].substr(6)));
    hours.windows.push_back(window);
  }
  policy.hours = std::move(hours);
  return {};
}

std::string HoursText(const OpeningHours& hours) {
  std::string text;
  for (const OpeningHours::Window& window : hours.windows) {
    std::vector<std::string> days;
    for (unsigned day = 0; day < 7; ++day) {
      if ((window.days & (1u << day)) != 0) days.emplace_back(DayName(day));
    }
    text +=
        Joined(days, ",") + " " + FormatMinute(window.from) + "-" + FormatMinute(window.to) + "; ";
  }
  return text + hours.zone;
}

Status SetNetworks(const std::string& value, VerifiedProfiles&, LabelPolicy& policy) {
  policy.networks.clear();
  if (value == "any") return {};
  for (const std::string& part : SplitAt(value, ',')) {
    RECRYPT_ASSIGN(Network network, Network::Parse(part));
    policy.networks.push_back(std::move(network));
  }
  return {};
}

Status SetReviewedDocuments(const std::string& value, VerifiedProfiles&, LabelPolicy& policy) {
  policy.review.documents.clear();
  policy.review.all_documents = value == "all";
  if (value == "all" || value == "none") return {};
  for (const std::string& part : SplitAt(value, ',')) {
    RECRYPT_ASSIGN(Bytes id, Base64UrlDecode(part));
    policy.review.documents.push_back(std::move(id));
  }
  return {};
}

Status SetReviewedMembers(const std::string& value, VerifiedProfiles&, LabelPolicy& policy) {
  policy.review.members.clear();
  if (value == "none") return {};
  for (const std::string& part : SplitAt(value, ',')) {
    RECRYPT_ASSIGN(const AccountName account, AccountName::Parse(part));
    policy.review.members.push_back(account.text());
  }
  return {};
}

Status SetSupervisors(const std::string& value, VerifiedProfiles& profiles, LabelPolicy& policy) {
  policy.review.supervisors.clear();
  if (value == "none") return {};
  RECRYPT_ASSIGN(policy.review.supervisors, FindPrincipals(value, profiles));
  return {};
}

Status SetReviewHolds(const std::string& value, VerifiedProfiles&, LabelPolicy& policy) {
  RECRYPT_ASSIGN(policy.review.decision_seconds, ParseDuration(value));
  return {};
}

Status SetPrefetch(const std::string& value, VerifiedProfiles&, LabelPolicy& policy) {
  if (value != "yes" && value != "no") return Fail(ErrorCode::kInvalid, "prefetch is yes or no");
  policy.prefetch = value == "yes";
  return {};
}

Status SetRotate(const std::string& value, VerifiedProfiles&, LabelPolicy& policy) {
  policy.rotate_up_to = 0;
  if (value == "never") return {};
  RECRYPT_ASSIGN(policy.rotate_up_to, ParseNumber(value));
  return {};
}

Status SetOffline(const std::string& value, VerifiedProfiles&, LabelPolicy& policy) {
  policy.offline_seconds = 0;
  if (value == "no") return {};
  RECRYPT_ASSIGN(policy.offline_seconds, ParseDuration(value));
  return {};
}

Status SetEphemerals(const std::string& value, VerifiedProfiles&, LabelPolicy& policy) {
  RECRYPT_ASSIGN(policy.ephemerals, ParseEphemerals(value));
  return {};
}

struct Setting {
  std::string_view name;
  Status (*set)(const std::string&, VerifiedProfiles&, LabelPolicy&);
};
constexpr std::array kSettings = {
    Setting{"lease", SetLease},
    Setting{"writers", SetWriters},
    Setting{"quota", SetQuota},
    Setting{"hours", SetHours},
    Setting{"networks", SetNetworks},
    Setting{"review-documents", SetReviewedDocuments},
    Setting{"review-members", SetReviewedMembers},
    Setting{"supervisors", SetSupervisors},
    Setting{"review-holds", SetReviewHolds},
    Setting{"prefetch", SetPrefetch},
    Setting{"rotate", SetRotate},
    Setting{"offline", SetOffline},
    Setting{"ephemerals", SetEphemerals},
};

std::string WritersText(const LabelPolicy& policy) {
  return policy.writers == Writers::kAnyone ? "anyone" : "credentialed";
}

std::string QuotaText(const LabelPolicy& policy) {
  std::vector<std::string> quotas;
  for (const Quota& one : policy.quotas) {
    quotas.push_back(std::string(QuotaPerName(one.per)) + ":" + std::to_string(one.opens) + "/" +
                     ShortDuration(one.seconds));
  }
  return quotas.empty() ? "none" : Joined(quotas, ",");
}

std::string ReviewedText(const ReviewPolicy& review) {
  if (review.all_documents) return "all";
  std::vector<std::string> ids;
  for (const Bytes& id : review.documents) ids.push_back(Base64UrlEncode(id));
  return ids.empty() ? "none" : Joined(ids, ",");
}

}  // namespace

Status ApplySetting(const std::string& setting, VerifiedProfiles& profiles, LabelPolicy& policy) {
  const size_t equals = setting.find('=');
  const std::string name = setting.substr(0, equals);
  const std::string value = equals == setting.npos ? "" : setting.substr(equals + 1);
  std::vector<std::string> names;
  for (const Setting& one : kSettings) {
    if (one.name == name && !value.empty()) return one.set(value, profiles, policy);
    names.emplace_back(one.name);
  }
  return Fail(ErrorCode::kInvalid,
              "'" + setting + "' is no setting NAME=VALUE; the names are " + Joined(names, ", "));
}

std::vector<std::pair<std::string, std::string>> PolicyLines(const LabelPolicy& policy) {
  std::vector<std::string> networks;
  for (const Network& one : policy.networks) networks.push_back(one.text());
  const ReviewPolicy& review = policy.review;
  return {
      {"lease", ShortDuration(policy.lease_seconds)},
      {"writers", WritersText(policy)},
      {"quota", QuotaText(policy)},
      {"hours", policy.hours ? HoursText(*policy.hours) : "always"},
      {"networks", networks.empty() ? "any" : Joined(networks, ",")},
      {"review-documents", ReviewedText(review)},
      {"review-members", review.members.empty() ? "none" : Joined(review.members, ",")},
      {"supervisors", review.supervisors.empty() ? "none" : AccountsText(review.supervisors)},
      {"review-holds", ShortDuration(review.decision_seconds)},
      {"prefetch", policy.prefetch ? "yes" : "no"},
      {"rotate", policy.rotate_up_to == 0 ? "never" : std::to_string(policy.rotate_up_to)},
      {"offline", policy.offline_seconds == 0 ? "no" : ShortDuration(policy.offline_seconds)},
      {"ephemerals", std::string(EphemeralsName(policy.ephemerals))},
  };
}

}  // namespace recrypt
