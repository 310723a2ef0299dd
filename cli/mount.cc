// recryptfs mount: a share, shown as plain files.
#include "daemon/mount/mount.h"

#include <array>
#include <charconv>
#include <filesystem>
#include <optional>

#include "cli/background.h"
#include "cli/mount_log.h"
#include "cli/open_client.h"
#include "cli/verbs.h"
#include "client/label_keys.h"
#include "client/share_policy.h"
#include "daemon/mount/desktop_notices.h"
#include "daemon/service_manager.h"

namespace recrypt {
namespace {

std::vector<std::string> SplitAtCommas(const std::vector<std::string>& lists) {
  std::vector<std::string> parts;
  for (std::string_view rest : lists) {
    while (!rest.empty()) {
      const size_t comma = std::min(rest.find(','), rest.size());
      if (comma > 0) parts.emplace_back(rest.substr(0, comma));
      rest.remove_prefix(std::min(comma + 1, rest.size()));
    }
  }
  return parts;
}

class Mount : public Command {
 public:
  void Declare(Options& options) override {
    options.Argument("SHARE", &mount_.share, "The directory where the documents lie");
    options.Argument("MOUNTPOINT", &mount_.mountpoint, "An empty directory");
    options.Value("--label", "EXPR", &label_, "Label of new files where the share names none");
    options.Flag("-f,--foreground", &foreground_, "Stay in the foreground");
    options.Values("-o", "OPTION,OPTION", &options_, "Mount options: ro, allow_other, noexec …");
    options.Value("--log-file", "FILE", &log_file_, "Write the log there, not to syslog");
    options.Flag("--no-notifications", &no_notifications_,
                 "Tell the desktop neither of ended access nor of decided reviews");
    options.Hidden(kReadyOption, &ready_);
    passphrase_.Declare(options);
  }

  // Three ways: in the foreground; as the command that waits; as the process that stays.
  Status Run(Context& context) override {
    if (!label_.empty()) {
      RECRYPT_ASSIGN(mount_.label, LabelExpression::Parse(label_));
    }
    mount_.options = SplitAtCommas(options_);
    RECRYPT_TRY(CheckMount(mount_.share, mount_.mountpoint));
    // Both are used after the working directory has changed.
    for (std::string* path : {&mount_.share, &mount_.mountpoint}) {
      std::error_code problem;
      *path = std::filesystem::canonical(*path, problem).string();
      if (problem) return FailErrno(problem.value(), "looking for the share and the mountpoint");
    }
    if (!ready_.empty()) return ServeInBackground();
    if (foreground_) return ServeInForeground(context);
    RECRYPT_ASSIGN(const int status, StartInBackground(context.arguments));
    if (status != 0) {
      context.exit_status = status;
      return {};
    }
    Tell(context);
    return {};
  }

 private:
  void Tell(Context& context) const {
    context.out.Line(mount_.share + " is mounted at " + mount_.mountpoint + ".");
    context.out.Object({{"share", mount_.share}, {"mountpoint", mount_.mountpoint}});
    context.out.Flush();
  }

  Status ServeInForeground(Context& context) {
    const LogTo to = log_file_.empty() ? LogTo::kStandardError : LogTo::kFile;
    RECRYPT_ASSIGN(const LogSink log, MakeMountLog(to, log_file_));
    return Serve(log, [&]() -> Status {
      Tell(context);
      NotifyManager("READY=1", "Serving " + mount_.share + " at " + mount_.mountpoint);
      return {};
    });
  }

  Status ServeInBackground() {
    int fd = -1;
    const auto parsed = std::from_chars(ready_.data(), ready_.data() + ready_.size(), fd);
    if (parsed.ec != std::errc() || fd <= STDERR_FILENO) {
      return Fail(ErrorCode::kInvalid, std::string(kReadyOption) + " is for this program alone");
    }
    BackgroundSignal signal(fd);
    RECRYPT_ASSIGN(const LogSink log,
                   MakeMountLog(log_file_.empty() ? LogTo::kSyslog : LogTo::kFile, log_file_));
    const Status done = Serve(log, [&signal] { return signal.Serving(); });
    if (!done) log(LogLevel::kError, done.error().message);
    return done;
  }

  Status Serve(const LogSink& log, const std::function<Status()>& serving) const {
    RECRYPT_ASSIGN(const OpenedClient opened, OpenWithKeys(passphrase_));
    RECRYPT_TRY(CheckPolicy(*opened));
    RECRYPT_TRY(CheckLabel(*opened));
    BlockStopSignals();  // not earlier: they end a command that asks for a passphrase
    const std::unique_ptr<Access> access = opened->MakeAccess();
    Client& client = *opened;
    std::optional<DesktopNotices> notices;
    if (!no_notifications_) notices.emplace(client, *access);
    const auto verify = [&client, share = mount_.share](ByteSpan document) {
      return CheckSharePolicy(client, share, document);
    };
    const auto served = [&]() -> Status {
      opened.prompt->Silence();
      log(LogLevel::kInfo, "serving " + mount_.share + " at " + mount_.mountpoint);
      return serving();
    };
    MountServices services{notices ? notices->access() : *access, client.clock(), verify, log,
                           served};
    // A manager waits for the commits that are left only when it knows that they go on.
    if (foreground_) {
      services.ending = [] { NotifyManager("STOPPING=1", "Committing what is left"); };
    }
    RECRYPT_TRY(RunMount(mount_, services));
    log(LogLevel::kInfo, "unmounted " + mount_.mountpoint);
    return {};
  }

  // A share may have no policy, but one that was seen must still be there.
  Status CheckPolicy(Client& client) const {
    const auto policy = LoadSharePolicy(client, mount_.share);
    if (!policy && policy.error().code != ErrorCode::kNotFound) return Fail(policy.error());
    return {};
  }

  // Whether it fits. What else stands against it, creating a file says: reading needs no label.
  Status CheckLabel(Client& client) const {
    if (!mount_.label) return {};
    Status fits = CheckFits(client.profiles(), *mount_.label);
    const bool too_large = !fits && fits.error().code == ErrorCode::kInvalid;
    return too_large ? fits : Status{};
  }

  MountOptions mount_;
  std::string label_, log_file_, ready_;
  std::vector<std::string> options_;
  bool foreground_ = false, no_notifications_ = false;
  PassphraseOptions passphrase_;
};

constexpr std::array kVerbs = {
    Verb{"mount", "Show a share's documents as plain files", "recryptfs mount /srv/share ~/office",
         MakeCommand<Mount>},
};

}  // namespace

std::span<const Verb> MountVerbs() { return kVerbs; }

}  // namespace recrypt
