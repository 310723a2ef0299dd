// Activity: what a label's audit log says of a time, and grants and refusals counted over it.
//
//   const Period& period = PeriodOf("week");
//   const std::vector<int64_t> edges = EdgesOf(period, now);
//   RECRYPT_ASSIGN(AuditRead read, ReadAudit(client, label, {.from = edges.front()}));
//   Tally tally = TallyOf(read.records, edges);
//
// Thread safe.
#ifndef RECRYPT_CLI_CONSOLE_ACTIVITY_H_
#define RECRYPT_CLI_CONSOLE_ACTIVITY_H_

#include <map>
#include <span>
#include <string>
#include <vector>

#include "client/label_admin.h"

namespace recrypt {

// A time up to now, in steps that begin where clocks and calendars of this machine do.
struct Period {
  std::string_view name;                    // in addresses
  std::string_view about;                   // "the last 24 hours"
  int step_minutes, step_hours, step_days;  // one of them
  int steps;
};
std::span<const Period> Periods();
// The one of that name; a week for any other name.
const Period& PeriodOf(std::string_view name);
// In rising order, one more than there are steps; the last one lies behind `now`.
std::vector<int64_t> EdgesOf(const Period& period, int64_t now);

struct AuditRead {
  std::vector<Json> records;  // in their order
  std::string next;           // the log goes on there; empty: all were read
  std::string only_of;        // of a label over several services, the one whose log it is
};
// Page after page, up to 20,000 records and for some seconds; of the first service that answers.
Result<AuditRead> ReadAudit(Client& client, const LabelName& label, const AuditFilter& filter);

struct Tally {
  std::vector<uint32_t> grants, refusals;  // for each step
  uint32_t all_grants = 0, all_refusals = 0;
};
Tally TallyOf(const std::vector<Json>& records, const std::vector<int64_t>& edges);
std::map<std::string, Tally> TallyByAccount(const std::vector<Json>& records,
                                            const std::vector<int64_t>& edges);

// A member of a record as text; empty when absent.
std::string RecordText(const Json& record, std::string_view member);
// Seconds since 1970; 0 when absent.
int64_t RecordTime(const Json& record);

}  // namespace recrypt

#endif  // RECRYPT_CLI_CONSOLE_ACTIVITY_H_
