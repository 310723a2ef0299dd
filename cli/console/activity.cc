#include "cli/console/activity.h"

#include <algorithm>
#include <array>
#include <ctime>

#include "core/base/clock.h"

namespace recrypt {
namespace {

constexpr size_t kMaxRecords = 20'000;
constexpr int64_t kReadMillis = 5'000;

constexpr std::array kPeriods = {
    Period{"hour", "the last hour", 5, 0, 0, 12},
    Period{"day", "the last 24 hours", 0, 1, 0, 24},
    Period{"week", "the last 7 days", 0, 6, 0, 28},
    Period{"month", "the last 30 days", 0, 0, 1, 30},
    Period{"year", "the last year", 0, 0, 7, 53},
};

// The beginning of the step that `now` lies in, as the clock on the wall has it.
std::tm StepOf(const Period& period, int64_t now) {
  const std::time_t seconds = now;
  std::tm local{};
  localtime_r(&seconds, &local);
  local.tm_sec = 0;
  if (period.step_minutes > 0) {
    local.tm_min -= local.tm_min % period.step_minutes;
  } else {
    local.tm_min = 0;
    local.tm_hour -= period.step_hours > 0 ? local.tm_hour % period.step_hours : local.tm_hour;
  }
  return local;
}

void CountIn(const Json& record, const std::vector<int64_t>& edges, Tally& tally) {
  const std::string event = RecordText(record, "event");
  const bool granted = event == "grant";
  if (!granted && event != "refuse") return;
  const int64_t time = RecordTime(record);
  const auto above = std::upper_bound(edges.begin(), edges.end(), time);
  if (above == edges.begin() || above == edges.end()) return;
  const auto step = static_cast<size_t>(above - edges.begin()) - 1;
  ++(granted ? tally.grants : tally.refusals)[step];
  ++(granted ? tally.all_grants : tally.all_refusals);
}

Tally Empty(const std::vector<int64_t>& edges) {
  const size_t steps = edges.size() - 1;
  return {std::vector<uint32_t>(steps), std::vector<uint32_t>(steps)};
}

Result<AuditRead> ReadAuditAt(Client& client, const LabelName& label, const std::string& domain,
                              AuditFilter filter) {
  LabelAdmin admin(client);
  const int64_t end = client.clock().MonotonicMillis() + kReadMillis;
  AuditRead read;
  while (true) {
    RECRYPT_ASSIGN(SelectResponse page, admin.Audit(label, domain, filter));
    for (Json& record : page.items) read.records.push_back(std::move(record));
    read.next = page.next;
    if (read.next.empty() || read.records.size() >= kMaxRecords) return read;
    if (client.clock().MonotonicMillis() >= end) return read;
    filter.after = page.next;
  }
}

}  // namespace

std::span<const Period> Periods() { return kPeriods; }

const Period& PeriodOf(std::string_view name) {
  for (const Period& one : kPeriods) {
    if (one.name == name) return one;
  }
  return kPeriods[2];
}

std::vector<int64_t> EdgesOf(const Period& period, int64_t now) {
  std::vector<int64_t> edges;
  for (int back = period.steps - 1; back >= -1; --back) {
    std::tm step = StepOf(period, now);
    step.tm_min -= back * period.step_minutes;
    step.tm_hour -= back * period.step_hours;
    step.tm_mday -= back * period.step_days;
    step.tm_isdst = -1;
    const int64_t edge = std::mktime(&step);
    // Where the clock is put back an hour comes twice: its two steps are one.
    edges.push_back(edges.empty() ? edge : std::max(edge, edges.back()));
  }
  edges.back() = std::max(edges.back(), now + 1);
  return edges;
}

Result<AuditRead> ReadAudit(Client& client, const LabelName& label, const AuditFilter& filter) {
  RECRYPT_ASSIGN(const LabelProfile profile, LabelAdmin(client).Show(label));
  Result<AuditRead> read = AuditRead();
  for (const LabelProfile::Service& service : profile.services) {
    read = ReadAuditAt(client, label, service.domain, filter);
    if (read && profile.services.size() > 1) read->only_of = service.domain;
    if (read || read.error().code != ErrorCode::kUnavailable) break;
  }
  return read;
}

Tally TallyOf(const std::vector<Json>& records, const std::vector<int64_t>& edges) {
  Tally tally = Empty(edges);
  for (const Json& record : records) CountIn(record, edges, tally);
  return tally;
}

std::map<std::string, Tally> TallyByAccount(const std::vector<Json>& records,
                                            const std::vector<int64_t>& edges) {
  std::map<std::string, Tally> tallies;
  for (const Json& record : records) {
    const std::string event = RecordText(record, "event");
    if (event != "grant" && event != "refuse") continue;
    CountIn(record, edges,
            tallies.try_emplace(RecordText(record, "account"), Empty(edges)).first->second);
  }
  return tallies;
}

std::string RecordText(const Json& record, std::string_view member) {
  const Json* value = FindMember(record, member);
  if (value == nullptr) return "";
  return value->is_string() ? value->get<std::string>() : DumpJson(*value);
}

int64_t RecordTime(const Json& record) { return ParseTime(RecordText(record, "time")).value_or(0); }

}  // namespace recrypt
