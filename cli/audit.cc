// recryptfs audit: what a label's service has logged.
#include <array>

#include "cli/open_client.h"
#include "cli/quantities.h"
#include "cli/verbs.h"
#include "client/label_admin.h"

namespace recrypt {
namespace {

std::string Text(const Json& record, std::string_view member) {
  const Json* value = FindMember(record, member);
  if (value == nullptr) return "";
  return value->is_string() ? value->get<std::string>() : DumpJson(*value);
}

// One record as a line: when, what, who, which document, and why it was refused.
std::string Line(const Json& record) {
  std::string when = Text(record, "time");
  if (const auto seconds = ParseTime(when)) when = FormatLocalTime(*seconds);
  std::string event = Text(record, "event");
  event.resize(std::max<size_t>(event.size(), 13), ' ');
  std::string line = when + "  " + event + " " + Text(record, "account");
  for (const char* member : {"use", "document", "reason"}) {
    const std::string value = Text(record, member);
    if (!value.empty()) line += std::string("  ") + member + " " + value;
  }
  return line;
}

class Audit : public Command {
 public:
  void Declare(Options& options) override {
    options.Argument("LABEL", &label_, "The label");
    options.Value("--event", "EVENT", &filter_.event,
                  "Only this: grant, refuse, revoke, set-entry…");
    options.Value("--account", "ACCOUNT", &filter_.account, "Only what this account did");
    passphrase_.Declare(options);
  }

  Status Run(Context& context) override {
    RECRYPT_ASSIGN(const LabelName label, LabelName::Parse(label_));
    RECRYPT_ASSIGN(const OpenedClient opened, OpenWithKeys(passphrase_));
    LabelAdmin admin(*opened);
    while (true) {
      RECRYPT_ASSIGN(const SelectResponse page, admin.Audit(label, filter_));
      for (const Json& record : page.items) {
        context.out.Line(Line(record));
        context.out.Object(record);
      }
      if (page.next.empty()) return {};
      filter_.after = page.next;
    }
  }

 private:
  std::string label_;
  AuditFilter filter_;
  PassphraseOptions passphrase_;
};

constexpr std::array kVerbs = {
    Verb{"audit", "Print what the service has logged about a label",
         "recryptfs audit Accounting#example.com --event refuse", MakeCommand<Audit>},
};

}  // namespace

std::span<const Verb> AuditVerbs() { return kVerbs; }

}  // namespace recrypt
