// recryptfs audit: what a label's service has logged.
#include <array>
#include <chrono>
#include <thread>

#include "cli/open_client.h"
#include "cli/quantities.h"
#include "cli/verbs.h"
#include "client/label_admin.h"
#include "core/protocol/audit_chain.h"

namespace recrypt {
namespace {

constexpr std::chrono::seconds kFollowPause(2);

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
  event.resize(std::max<size_t>(event.size(), 14), ' ');
  // Who is no member is known to the service by the device alone.
  const std::string account = Text(record, "account");
  const std::string who = account.empty() ? Text(record, "device") : account;
  std::string line = when + "  " + event + " " + who;
  for (const char* member : {"by", "use", "count", "opened", "document", "review", "reason"}) {
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
                  "Only this: grant, refuse, open, revoke, set-entry…");
    options.Value("--account", "ACCOUNT", &filter_.account, "Only what this account did");
    options.Value("--document", "ID", &document_, "Only what concerns the document of this id");
    options.Value("--since", "TIME", &since_, "Only from then on: 2026-01-31, 2h ago as 2h…");
    options.Value("--until", "TIME", &until_, "Only what was before");
    options.Flag("-f,--follow", &follow_, "Go on, and print what is logged from now on");
    passphrase_.Declare(options);
  }

  Status Run(Context& context) override {
    RECRYPT_ASSIGN(const LabelName label, LabelName::Parse(label_));
    RECRYPT_ASSIGN(const OpenedClient opened, OpenWithKeys(passphrase_));
    RECRYPT_TRY(ReadFilter(opened->clock().NowSeconds()));
    LabelAdmin admin(*opened);
    while (true) {
      const auto page = admin.Audit(label, filter_);
      const bool away = !page && page.error().code == ErrorCode::kUnavailable;
      if (!page && !(follow_ && away && started_)) return Fail(page.error());
      if (page && !Print(context, *page)) {
        return Fail(ErrorCode::kIo, "standard output cannot be written");
      }
      if (page && !page->next.empty()) continue;
      if (!follow_) return {};
      std::this_thread::sleep_for(kFollowPause);
    }
  }

 private:
  Status ReadFilter(int64_t now) {
    if (!document_.empty()) {
      RECRYPT_ASSIGN(filter_.document, Base64UrlDecode(document_));
    }
    if (!since_.empty()) {
      RECRYPT_ASSIGN(filter_.from, ParseMoment(since_, now));
    }
    if (!until_.empty()) {
      RECRYPT_ASSIGN(filter_.to, ParseMoment(until_, now));
    }
    return {};
  }

  // False when nobody reads any longer.
  bool Print(Context& context, const SelectResponse& page) {
    for (const Json& record : page.items) {
      context.out.Line(Line(record));
      context.out.Object(record);
    }
    if (!page.next.empty()) filter_.after = page.next;
    // What is before the checkpoint has been looked through, whatever the filter passed of it.
    const auto stand = VerifyCheckpoint(page.checkpoint);
    if (stand) filter_.after = std::to_string(stand->head.sequence);
    const bool news = !started_ || !page.items.empty();
    if (news && !page.checkpoint.is_null()) context.out.Object({{"checkpoint", page.checkpoint}});
    started_ = true;
    return context.out.Flush();
  }

  std::string label_, document_, since_, until_;
  AuditFilter filter_;
  bool follow_ = false;
  bool started_ = false;
  PassphraseOptions passphrase_;
};

constexpr std::array kVerbs = {
    Verb{"audit", "Print what the service has logged about a label",
         "recryptfs audit Accounting#example.com --event refuse --since 7d", MakeCommand<Audit>},
};

}  // namespace

std::span<const Verb> AuditVerbs() { return kVerbs; }

}  // namespace recrypt
