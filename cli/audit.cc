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
    options.Value("--service", "DOMAIN", &service_,
                  "Only what this service of a label over several has logged");
    options.Flag("-f,--follow", &follow_, "Go on, and print what is logged from now on");
    passphrase_.Declare(options);
  }

  Status Run(Context& context) override {
    RECRYPT_ASSIGN(const LabelName label, LabelName::Parse(label_));
    RECRYPT_ASSIGN(const OpenedClient opened, OpenWithKeys(passphrase_));
    RECRYPT_TRY(ReadFilter(opened->clock().NowSeconds()));
    LabelAdmin admin(*opened);
    RECRYPT_ASSIGN(std::vector<Log> logs, LogsOf(admin, label));
    while (true) {
      for (Log& log : logs) RECRYPT_TRY(PrintAll(context, admin, label, log));
      if (!follow_) return {};
      std::this_thread::sleep_for(kFollowPause);
    }
  }

 private:
  // What one of the label's services has logged, as far as it was printed.
  struct Log {
    std::string domain;
    AuditFilter filter;
    bool named = false;  // with each record, since others are printed as well
    bool started = false;
  };

  Result<std::vector<Log>> LogsOf(LabelAdmin& admin, const LabelName& label) const {
    if (!service_.empty()) return std::vector<Log>{{service_, filter_}};
    RECRYPT_ASSIGN(const LabelProfile profile, admin.Show(label));
    std::vector<Log> logs;
    for (const LabelProfile::Service& service : profile.services) {
      logs.push_back({service.domain, filter_, profile.services.size() > 1});
    }
    return logs;
  }

  // Of several services, one that is away is told, and the others' records are printed.
  Status PrintAll(Context& context, LabelAdmin& admin, const LabelName& label, Log& log) const {
    while (true) {
      const auto page = admin.Audit(label, log.domain, log.filter);
      const bool away = !page && page.error().code == ErrorCode::kUnavailable;
      if (away && log.named && !log.started) context.out.Failure(page.error());
      if (away && (log.named || (follow_ && log.started))) {
        log.started = true;
        return {};
      }
      if (!page) return Fail(page.error());
      if (!Print(context, *page, log)) {
        return Fail(ErrorCode::kIo, "standard output cannot be written");
      }
      if (page->next.empty()) return {};
    }
  }

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
  static bool Print(Context& context, const SelectResponse& page, Log& log) {
    for (const Json& record : page.items) {
      context.out.Line(Line(record) + (log.named ? "  at " + log.domain : ""));
      Json shown = record;
      if (log.named) shown["service"] = log.domain;
      context.out.Object(shown);
    }
    if (!page.next.empty()) log.filter.after = page.next;
    // What is before the checkpoint has been looked through, whatever the filter passed of it.
    const auto stand = VerifyCheckpoint(page.checkpoint);
    if (stand) log.filter.after = std::to_string(stand->head.sequence);
    const bool news = !log.started || !page.items.empty();
    if (news && !page.checkpoint.is_null()) context.out.Object({{"checkpoint", page.checkpoint}});
    log.started = true;
    return context.out.Flush();
  }

  std::string label_, document_, since_, until_, service_;
  AuditFilter filter_;
  bool follow_ = false;
  PassphraseOptions passphrase_;
};

constexpr std::array kVerbs = {
    Verb{"audit", "Print what the service has logged about a label",
         "recryptfs audit Accounting#example.com --event refuse --since 7d", MakeCommand<Audit>},
};

}  // namespace

std::span<const Verb> AuditVerbs() { return kVerbs; }

}  // namespace recrypt
