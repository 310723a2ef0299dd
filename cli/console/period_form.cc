#include "cli/console/period_form.h"

#include "cli/quantities.h"

namespace recrypt {

Html ChoiceField(std::string_view name, std::string_view label,
                 std::span<const FieldChoice> options, std::string_view chosen) {
  Html choices;
  for (const FieldChoice& one : options) {
    choices += one.value == chosen
                   ? Fill("<option value=\"{}\" selected>{}</option>", one.value, one.title)
                   : Fill("<option value=\"{}\">{}</option>", one.value, one.title);
  }
  return Fill("<p><label for=\"{}\">{}</label> <select id=\"{}\" name=\"{}\">{}</select></p>\n",
              name, label, name, name, choices);
}

Html PeriodField(const Period& chosen) {
  std::vector<FieldChoice> options;
  for (const Period& one : Periods()) options.push_back({one.name, one.about});
  return ChoiceField("since", "Time", options, chosen.name);
}

Html CoverageText(const AuditRead& read) {
  Html text;
  if (!read.only_of.empty()) {
    text += Fill(
        "<p class=\"note\">This is the log of {}; each service of the label has its own, and "
        "<code>recryptfs audit</code> prints them all.</p>\n",
        read.only_of);
  }
  if (read.next.empty()) return text;
  const std::string to =
      read.records.empty()
          ? "nothing of this time was reached"
          : "what is shown ends at " + FormatLocalTime(RecordTime(read.records.back()));
  text += Fill(
      "<p class=\"note\">The log is longer than is read at once: {}. Choose a shorter time; "
      "<code>recryptfs audit</code> prints all of it.</p>\n",
      to);
  return text;
}

}  // namespace recrypt
