#include "core/identity/label_policy.h"

#include <algorithm>
#include <array>
#include <set>

#include "core/identity/signed_object.h"

namespace recrypt {
namespace {

constexpr uint32_t kMaxLeaseSeconds = 86400;
constexpr uint32_t kMaxRotateUpTo = 1'000'000;
constexpr uint32_t kMinOfflineSeconds = 60;
constexpr uint32_t kMaxOfflineSeconds = 30 * 86400;
constexpr uint32_t kMaxPeriodSeconds = 366 * 86400;
constexpr uint32_t kMaxOpens = 1'000'000'000;
constexpr size_t kMaxQuotas = 8;
constexpr size_t kMaxWindows = 32;
constexpr size_t kMaxNetworks = 64;
constexpr size_t kMaxReviewed = 1024;
constexpr size_t kMaxSupervisors = 64;
constexpr size_t kMaxZoneName = 64;
constexpr size_t kDocumentIdSize = 16;
constexpr unsigned kMinutesOfDay = 1440;
constexpr std::array<std::string_view, 7> kDays = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};
constexpr std::array<std::string_view, 3> kPer = {"member", "device", "label"};
constexpr std::array<std::string_view, 3> kEphemerals = {"any", "bound", "required"};

tl::unexpected<Error> Refuse(const std::string& why) {
  return Fail(ErrorCode::kInvalid, "the policy's " + why);
}

Status RefuseUnknown(const Json& object, std::initializer_list<std::string_view> known) {
  for (const auto& [name, value] : object.items()) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    return Refuse("\"" + name.substr(0, 64) + "\" is not known to this version of the program");
  }
  return {};
}

// An absent list is an empty one.
Result<std::vector<Json>> ReadElements(const Json& object, std::string_view member, size_t max) {
  if (FindMember(object, member) == nullptr) return std::vector<Json>();
  RECRYPT_ASSIGN(const Json* list, signed_object::ReadList(object, member, 1, max));
  return std::vector<Json>(list->begin(), list->end());
}

Result<std::vector<Principal>> ReadPrincipals(const Json& object, std::string_view member,
                                              size_t max) {
  RECRYPT_ASSIGN(const auto elements, ReadElements(object, member, max));
  std::vector<Principal> principals;
  for (const Json& element : elements) {
    RECRYPT_ASSIGN(Principal principal, signed_object::ReadPrincipal(element));
    principals.push_back(std::move(principal));
  }
  return principals;
}

Json WritePrincipals(const std::vector<Principal>& principals) {
  Json list = Json::array();
  for (const Principal& one : principals) list.push_back(signed_object::WritePrincipal(one));
  return list;
}

Status ReadWriters(const Json& object, LabelPolicy& policy) {
  const Json* writers = FindMember(object, "writers");
  if (writers == nullptr) return Refuse("\"writers\" is absent");
  if (*writers == "credentialed") {
    policy.writers = Writers::kCredentialed;
  } else if (*writers == "anyone") {
    policy.writers = Writers::kAnyone;
  } else {
    return Refuse("\"writers\" is neither credentialed nor anyone");
  }
  return {};
}

Status ReadQuotas(const Json& object, LabelPolicy& policy) {
  RECRYPT_ASSIGN(const auto elements, ReadElements(object, "quotas", kMaxQuotas));
  for (const Json& element : elements) {
    Quota quota;
    RECRYPT_TRY(RefuseUnknown(element, {"per", "opens", "seconds"}));
    RECRYPT_ASSIGN(const std::string per, GetString(element, "per"));
    RECRYPT_ASSIGN(quota.per, ParseQuotaPer(per));
    RECRYPT_ASSIGN(quota.opens, signed_object::ReadUint32(element, "opens", 0, kMaxOpens));
    RECRYPT_ASSIGN(quota.seconds,
                   signed_object::ReadUint32(element, "seconds", 1, kMaxPeriodSeconds));
    const bool twice = std::any_of(
        policy.quotas.begin(), policy.quotas.end(),
        [&](const Quota& one) { return one.per == quota.per && one.seconds == quota.seconds; });
    if (twice) return Refuse("\"quotas\" has two of one period");
    policy.quotas.push_back(quota);
  }
  return {};
}

Json WriteQuotas(const std::vector<Quota>& quotas) {
  Json list = Json::array();
  for (const Quota& one : quotas) {
    list.push_back(
        {{"per", QuotaPerName(one.per)}, {"opens", one.opens}, {"seconds", one.seconds}});
  }
  return list;
}

Result<OpeningHours::Window> ReadWindow(const Json& element) {
  OpeningHours::Window window;
  RECRYPT_TRY(RefuseUnknown(element, {"days", "from", "to"}));
  RECRYPT_ASSIGN(const Json* days, signed_object::ReadList(element, "days", 1, kDays.size()));
  for (const Json& day : *days) {
    const auto found = std::find(kDays.begin(), kDays.end(), day);
    if (found == kDays.end()) return Refuse("\"days\" are sun, mon, tue, wed, thu, fri, sat");
    window.days |= 1u << (found - kDays.begin());
  }
  RECRYPT_ASSIGN(const std::string from, GetString(element, "from"));
  RECRYPT_ASSIGN(const std::string to, GetString(element, "to"));
  RECRYPT_ASSIGN(window.from, ParseMinute(from));
  RECRYPT_ASSIGN(window.to, ParseMinute(to));
  if (window.from >= window.to) return Refuse("\"hours\" end before they begin");
  return window;
}

Status ReadHours(const Json& object, LabelPolicy& policy) {
  if (FindMember(object, "hours") == nullptr) return {};
  RECRYPT_ASSIGN(const Json* hours, GetObject(object, "hours"));
  RECRYPT_TRY(RefuseUnknown(*hours, {"zone", "rule", "windows"}));
  RECRYPT_ASSIGN(std::string zone, GetString(*hours, "zone"));
  if (zone.empty() || zone.size() > kMaxZoneName) return Refuse("\"zone\" is too long, or empty");
  RECRYPT_ASSIGN(const std::string rule_text, GetString(*hours, "rule"));
  RECRYPT_ASSIGN(TimeZone rule, TimeZone::Parse(rule_text));
  OpeningHours read{std::move(zone), std::move(rule), {}};
  RECRYPT_ASSIGN(const Json* windows, signed_object::ReadList(*hours, "windows", 1, kMaxWindows));
  for (const Json& element : *windows) {
    RECRYPT_ASSIGN(const OpeningHours::Window window, ReadWindow(element));
    read.windows.push_back(window);
  }
  policy.hours = std::move(read);
  return {};
}

Json WriteHours(const OpeningHours& hours) {
  Json windows = Json::array();
  for (const OpeningHours::Window& window : hours.windows) {
    Json days = Json::array();
    for (unsigned bit = 0; bit < kDays.size(); ++bit) {
      if ((window.days & (1u << bit)) != 0) days.push_back(DayName(bit));
    }
    windows.push_back({{"days", std::move(days)},
                       {"from", FormatMinute(window.from)},
                       {"to", FormatMinute(window.to)}});
  }
  return {{"zone", hours.zone}, {"rule", hours.rule.rule()}, {"windows", std::move(windows)}};
}

Status ReadNetworks(const Json& object, LabelPolicy& policy) {
  RECRYPT_ASSIGN(const auto elements, ReadElements(object, "networks", kMaxNetworks));
  for (const Json& element : elements) {
    if (!element.is_string()) return Refuse("\"networks\" are texts");
    RECRYPT_ASSIGN(Network network, Network::Parse(element.get<std::string>()));
    policy.networks.push_back(std::move(network));
  }
  return {};
}

Status ReadReviewed(const Json& review, ReviewPolicy& policy) {
  const Json* documents = FindMember(review, "documents");
  if (documents != nullptr && *documents == "all") {
    policy.all_documents = true;
  } else {
    RECRYPT_ASSIGN(const auto elements, ReadElements(review, "documents", kMaxReviewed));
    for (const Json& element : elements) {
      RECRYPT_ASSIGN(Bytes id, GetBytes({{"id", element}}, "id"));
      if (id.size() != kDocumentIdSize) return Refuse("\"documents\" are ids of 16 bytes");
      policy.documents.push_back(std::move(id));
    }
  }
  RECRYPT_ASSIGN(const auto members, ReadElements(review, "members", kMaxReviewed));
  for (const Json& element : members) {
    RECRYPT_ASSIGN(const AccountName account,
                   signed_object::ReadAccount({{"account", element}}, "account"));
    policy.members.push_back(account.text());
  }
  return {};
}

Status ReadReview(const Json& object, LabelPolicy& policy) {
  if (FindMember(object, "review") == nullptr) return {};
  RECRYPT_ASSIGN(const Json* review, GetObject(object, "review"));
  RECRYPT_TRY(RefuseUnknown(*review, {"documents", "members", "supervisors", "holds"}));
  RECRYPT_TRY(ReadReviewed(*review, policy.review));
  RECRYPT_ASSIGN(policy.review.supervisors,
                 ReadPrincipals(*review, "supervisors", kMaxSupervisors));
  if (policy.review.any() && policy.review.supervisors.empty()) {
    return Refuse("\"review\" names no supervisors, who decide");
  }
  RECRYPT_ASSIGN(policy.review.decision_seconds,
                 signed_object::ReadUint32(*review, "holds", 1, kMaxPeriodSeconds));
  return {};
}

Json WriteReview(const ReviewPolicy& review) {
  Json object = {{"holds", review.decision_seconds}};
  if (review.all_documents) {
    object["documents"] = "all";
  } else if (!review.documents.empty()) {
    Json documents = Json::array();
    for (const Bytes& id : review.documents) documents.push_back(Base64UrlEncode(id));
    object["documents"] = std::move(documents);
  }
  if (!review.members.empty()) object["members"] = review.members;
  if (!review.supervisors.empty()) object["supervisors"] = WritePrincipals(review.supervisors);
  return object;
}

}  // namespace

std::string_view QuotaPerName(QuotaPer per) { return kPer[static_cast<size_t>(per)]; }

Result<QuotaPer> ParseQuotaPer(std::string_view name) {
  const auto found = std::find(kPer.begin(), kPer.end(), name);
  if (found != kPer.end()) return static_cast<QuotaPer>(found - kPer.begin());
  return Fail(ErrorCode::kInvalid, "a quota is per member, device or label");
}

std::string_view EphemeralsName(Ephemerals ephemerals) {
  return kEphemerals[static_cast<size_t>(ephemerals)];
}

Result<Ephemerals> ParseEphemerals(std::string_view name) {
  const auto found = std::find(kEphemerals.begin(), kEphemerals.end(), name);
  if (found != kEphemerals.end()) return static_cast<Ephemerals>(found - kEphemerals.begin());
  return Fail(ErrorCode::kInvalid, "ephemerals are any, bound or required");
}

std::string_view DayName(unsigned bit) { return kDays[bit]; }

std::string FormatMinute(unsigned minute) {
  const auto two = [](unsigned number) {
    return std::string(number < 10 ? "0" : "") + std::to_string(number);
  };
  return two(minute / 60) + ":" + two(minute % 60);
}

Result<unsigned> ParseMinute(std::string_view text) {
  const auto digit = [&](size_t i) { return static_cast<unsigned>(text[i] - '0'); };
  const bool form = text.size() == 5 && text[2] == ':' && digit(0) <= 9 && digit(1) <= 9 &&
                    digit(3) <= 5 && digit(4) <= 9;
  const unsigned minute = form ? (digit(0) * 10 + digit(1)) * 60 + digit(3) * 10 + digit(4) : 0;
  if (form && minute <= kMinutesOfDay) return minute;
  return Fail(ErrorCode::kInvalid,
              "'" + std::string(text.substr(0, 16)) + "' is no time of day such as 08:30");
}

int64_t OpeningHours::OpenFor(int64_t now) const {
  const int64_t local = now + rule.OffsetAt(now);
  const int64_t day = local >= 0 ? local / 86400 : (local - 86399) / 86400;
  const int64_t second = local - day * 86400;
  const auto weekday = static_cast<unsigned>(((day + 4) % 7 + 7) % 7);  // 1970 began on a Thursday
  int64_t open = 0;
  for (const Window& window : windows) {
    if ((window.days & (1u << weekday)) == 0 || second < int64_t{window.from} * 60) continue;
    open = std::max(open, int64_t{window.to} * 60 - second);
  }
  return open;
}

uint32_t LabelPolicy::LeaseAt(int64_t now) const {
  if (!hours) return lease_seconds;
  return static_cast<uint32_t>(std::min<int64_t>(lease_seconds, hours->OpenFor(now)));
}

bool LabelPolicy::AllowsAddress(const std::string& address) const {
  return networks.empty() || std::any_of(networks.begin(), networks.end(),
                                         [&](const Network& one) { return one.Contains(address); });
}

bool LabelPolicy::NeedsReview(const std::string& account, ByteSpan document) const {
  if (review.all_documents) return true;
  const auto& members = review.members;
  if (std::find(members.begin(), members.end(), account) != members.end()) return true;
  return std::any_of(review.documents.begin(), review.documents.end(), [&](const Bytes& id) {
    return std::equal(id.begin(), id.end(), document.begin(), document.end());
  });
}

Json WriteLabelPolicy(const LabelPolicy& policy) {
  Json object = {{"lease", policy.lease_seconds},
                 {"writers", policy.writers == Writers::kAnyone ? "anyone" : "credentialed"}};
  if (!policy.quotas.empty()) object["quotas"] = WriteQuotas(policy.quotas);
  if (policy.hours) object["hours"] = WriteHours(*policy.hours);
  if (!policy.networks.empty()) {
    Json networks = Json::array();
    for (const Network& network : policy.networks) networks.push_back(network.text());
    object["networks"] = std::move(networks);
  }
  if (policy.review.any() || !policy.review.supervisors.empty()) {
    object["review"] = WriteReview(policy.review);
  }
  if (!policy.prefetch) object["prefetch"] = false;
  if (policy.rotate_up_to != LabelPolicy::kRotateUpTo) object["rotate"] = policy.rotate_up_to;
  if (policy.offline_seconds != 0) object["offline"] = policy.offline_seconds;
  if (policy.ephemerals != Ephemerals::kAny) {
    object["ephemerals"] = EphemeralsName(policy.ephemerals);
  }
  return object;
}

Result<LabelPolicy> ReadLabelPolicy(const Json& object) {
  RECRYPT_TRY(RefuseUnknown(object, {"lease", "writers", "quotas", "hours", "networks", "review",
                                     "prefetch", "rotate", "offline", "ephemerals"}));
  LabelPolicy policy;
  RECRYPT_ASSIGN(policy.lease_seconds,
                 signed_object::ReadUint32(object, "lease", 1, kMaxLeaseSeconds));
  RECRYPT_TRY(ReadWriters(object, policy));
  RECRYPT_TRY(ReadQuotas(object, policy));
  RECRYPT_TRY(ReadHours(object, policy));
  RECRYPT_TRY(ReadNetworks(object, policy));
  RECRYPT_TRY(ReadReview(object, policy));
  if (FindMember(object, "prefetch") != nullptr) {
    RECRYPT_ASSIGN(policy.prefetch, GetBool(object, "prefetch"));
  }
  if (FindMember(object, "rotate") != nullptr) {
    RECRYPT_ASSIGN(policy.rotate_up_to,
                   signed_object::ReadUint32(object, "rotate", 0, kMaxRotateUpTo));
  }
  if (FindMember(object, "offline") != nullptr) {
    RECRYPT_ASSIGN(
        policy.offline_seconds,
        signed_object::ReadUint32(object, "offline", kMinOfflineSeconds, kMaxOfflineSeconds));
  }
  if (FindMember(object, "ephemerals") != nullptr) {
    RECRYPT_ASSIGN(const std::string name, GetString(object, "ephemerals"));
    RECRYPT_ASSIGN(policy.ephemerals, ParseEphemerals(name));
  }
  return policy;
}

}  // namespace recrypt
