// What pages about a time have in common: the field that chooses it, and what is said when not all
// of it could be read.
#ifndef RECRYPT_CLI_CONSOLE_PERIOD_FORM_H_
#define RECRYPT_CLI_CONSOLE_PERIOD_FORM_H_

#include "cli/console/activity.h"
#include "cli/console/html.h"

namespace recrypt {

// A choice with the values that are taken, and a name for each.
struct FieldChoice {
  std::string_view value, title;
};
Html ChoiceField(std::string_view name, std::string_view label,
                 std::span<const FieldChoice> options, std::string_view chosen);
// "since".
Html PeriodField(const Period& chosen);
// What of the audit log is not there; empty when nothing is missing.
Html CoverageText(const AuditRead& read);

}  // namespace recrypt

#endif  // RECRYPT_CLI_CONSOLE_PERIOD_FORM_H_
