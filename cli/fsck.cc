// recryptfs fsck: checks the documents of a share, and repairs what takes no guessing.
#include <sys/stat.h>

#include <array>
#include <ctime>
#include <filesystem>
#include <set>

#include "cli/fsck_report.h"
#include "cli/mount_table.h"
#include "cli/open_client.h"
#include "cli/progress.h"
#include "cli/share_names.h"
#include "cli/share_walk.h"
#include "cli/verbs.h"
#include "client/durable_file.h"
#include "client/share_policy.h"
#include "core/jcd/stored_name.h"

namespace recrypt {
namespace {

constexpr size_t kMaxPolicy = size_t{16} << 20;

struct FsckRequest {
  std::vector<std::string> paths;
  bool structure = false, quick = false, repair = false;
  std::string copies;
  Detail detail = Detail::kProblems;
};

std::string NameOfThisRun() {
  const std::time_t now = std::time(nullptr);
  struct tm utc {};
  char text[32];
  (void)gmtime_r(&now, &utc);
  (void)std::strftime(text, sizeof text, "fsck-%Y%m%dT%H%M%SZ", &utc);
  return text;
}

// One path of the command line: walks it, and checks its documents by the batch.
class Fsck {
 public:
  Fsck(const FsckRequest& request, Client* client, const CheckSpec& spec, Output& out,
       ProgressLine& line, FsckSummary& summary)
      : request_(request),
        client_(client),
        spec_(spec),
        checker_(spec),
        out_(out),
        line_(line),
        summary_(summary) {}

  Status Run(const std::string& given) {
    RECRYPT_ASSIGN(root_, StoredOnShare(given));
    RECRYPT_ASSIGN(const bool mounted, LiesInAMount(root_));
    if (mounted) {
      return Fail(ErrorCode::kInvalid,
                  given + " lies in somebody else's mount: name the directory of the share itself");
    }
    if (const auto share = FindShare(root_)) share_ = *share;
    if (request_.repair) RECRYPT_TRY(FindPlaceForCopies(given));
    ShareWalk walk([this](const ShareFile& file) { return Take(file); },
                   [this](const std::string& path, const Error& error) {
                     ++summary_.unchecked;
                     line_.Hide();
                     out_.Failure({error.code, path + ": " + error.message, error.os_error});
                   });
    RECRYPT_TRY(walk.Run(root_));
    return Flush();
  }

 private:
  Status FindPlaceForCopies(const std::string& given) {
    if (!request_.copies.empty()) {
      copies_ = request_.copies;
    } else if (share_) {
      copies_ = share_->root + "/" + std::string(kShareFolder) + "/" + NameOfThisRun();
    } else {
      return Fail(ErrorCode::kInvalid,
                  given +
                      " lies on no share with a policy: say with --copies where the documents "
                      "are to be copied before they are repaired");
    }
    return {};
  }

  Status Take(const ShareFile& file) {
    switch (file.kind) {
      case ShareFileKind::kDocument:
        return TakeDocument(file.path);
      case ShareFileKind::kTemporary:
        TakeLeftover(file.path, "a file of a command that did not finish, if none is going on");
        return {};
      case ShareFileKind::kTemporaryDocument:
        // It may be all that there is of a document, or somebody may have called one so.
        ++summary_.leftovers;
        Say(file.path, "left behind", "by a save that did not finish, if none is going on",
            Detail::kProblems);
        return TakeDocument(file.path);
      case ShareFileKind::kUnnamed:
        TakeUnnamed(file.path);
        return {};
      case ShareFileKind::kUnneeded:
        TakeLeftover(file.path, "a long name that nothing needs");
        return {};
      case ShareFileKind::kPlain:
        ++summary_.plain;
        Say(file.path, "plain", "no document: a mount shows it read-only", Detail::kAll);
        return {};
      case ShareFileKind::kShareFiles:
        CheckPolicy(file.path);
        return {};
      case ShareFileKind::kDirectory:
      case ShareFileKind::kLink:
      case ShareFileKind::kSpecial:
        return {};
    }
    return {};
  }

  void Say(const std::string& path, const std::string& state, const std::string& what,
           Detail from) const {
    line_.Hide();
    out_.Object({{"file", path}, {"state", state}, {"what", what}});
    if (request_.detail >= from) out_.Line(InOneLine(path + ": " + state + ": " + what));
  }

  // A document may say its name itself: known once it was checked.
  void TakeUnnamed(const std::string& path) {
    struct stat info {};
    if (::lstat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode)) {
      unnamed_.insert(path);
    } else {
      SayUnnamed(path, "");
    }
  }

  void SayUnnamed(const std::string& path, const std::string& more) {
    ++summary_.other_damage;
    Say(path, "damaged",
        "its long name is lost: the file beside it, which should hold it, does not" + more,
        Detail::kQuiet);
  }

  void NameAgain(const CheckedDocument& checked) {
    if (unnamed_.erase(checked.path) == 0) return;
    if (checked.name.empty()) return SayUnnamed(checked.path, ", and it takes a grant to learn it");
    if (!request_.repair) return SayUnnamed(checked.path, "");
    const Status named = RestoreName(checked.path, checked.name);
    if (!named) return SayUnnamed(checked.path, ": " + named.error().message);
    ++summary_.repaired;
    Say(checked.path, "repaired", "its long name was written beside it again: " + checked.name,
        Detail::kQuiet);
  }

  Status TakeDocument(const std::string& path) {
    paths_.push_back(path);
    return paths_.size() < DocumentChecker::kBatch ? Status() : Flush();
  }

  void TakeLeftover(const std::string& path, const std::string& what) {
    if (!request_.repair) {
      ++summary_.leftovers;
      return Say(path, "left behind", what, Detail::kProblems);
    }
    const auto copy = RemoveLeftover(path, CopyOf(path));
    if (copy) {
      ++summary_.repaired;
      return Say(path, "repaired", what + " was removed; as it was: " + *copy, Detail::kQuiet);
    }
    ++summary_.leftovers;
    Say(path, "left behind", what + ", not removed: " + copy.error().message, Detail::kProblems);
  }

  // As far as pins allow; without a client, whether it is one at all.
  void CheckPolicy(const std::string& folder) {
    const std::string path = folder + "/" + std::string(kSharePolicyFile);
    const auto text = ReadSmallFile(path, kMaxPolicy);
    if (!text && text.error().code == ErrorCode::kNotFound) return;
    Status good = text ? Status() : Fail(text.error());
    if (good && client_ != nullptr) {
      const auto checked = CheckSharePolicy(*client_, ParentOf(folder), *text);
      if (!checked) good = Fail(checked.error());
    } else if (good) {
      const auto json = ParseJson(AsText(*text));
      const auto owner = json ? PeekSharePolicyOwner(*json) : Fail(json.error());
      if (!owner) good = Fail(owner.error());
    }
    if (good) {
      Say(path, "good", client_ != nullptr ? "signed by its owner" : "not verified", Detail::kAll);
    } else if (good.error().code == ErrorCode::kUnavailable) {
      ++summary_.unavailable;
      Say(path, "not checked", good.error().message, Detail::kQuiet);
    } else {
      ++summary_.other_damage;
      Say(path, "damaged", good.error().message, Detail::kQuiet);
    }
  }

  Status Flush() {
    const std::vector<std::string> paths = std::move(paths_);
    paths_.clear();
    for (CheckedDocument& checked : checker_.Check(paths)) {
      if (request_.repair && WantsRepair(checked)) {
        RepairOne(checked);
        continue;
      }
      Count(checked, nullptr);
    }
    return {};
  }

  static bool WantsRepair(const CheckedDocument& checked) {
    if (checked.failure) return false;
    return checked.report.condition == Condition::kUnfinished || !checked.report.findings.empty();
  }

  std::string CopyOf(const std::string& path) const {
    const auto in_share = LocateInShare(share_ ? share_->root : root_, path);
    return copies_ + "/" +
           (in_share && !in_share->path.empty() ? in_share->path
                                                : std::filesystem::path(path).filename().string());
  }

  void RepairOne(const CheckedDocument& before) {
    RepairOutcome outcome;
    auto repaired = RepairDocument(spec_, before, CopyOf(before.path));
    if (!repaired) {
      outcome.failure = std::move(repaired.error());
    } else {
      outcome.repair = std::move(*repaired);
    }
    if (!outcome.repaired()) return Count(before, &outcome);
    const std::vector<CheckedDocument> after = checker_.Check({&before.path, 1});
    Count(after.front(), &outcome);
  }

  void Count(const CheckedDocument& checked, const RepairOutcome* repair) {
    NameAgain(checked);
    summary_.Count(checked, repair);
    line_.Hide();
    ShowDocument(out_, checked, repair, request_.detail);
  }

  const FsckRequest& request_;
  Client* const client_;
  const CheckSpec& spec_;
  const DocumentChecker checker_;
  Output& out_;
  ProgressLine& line_;
  FsckSummary& summary_;
  std::string root_;
  std::optional<ShareLocation> share_;
  std::string copies_;
  std::vector<std::string> paths_;  // to be checked at once
  std::set<std::string> unnamed_;   // of these: documents whose sidecar is missing
};

class FsckCommand : public Command {
 public:
  void Declare(Options& options) override {
    options.Arguments("PATH", &request_.paths,
                      "A share, a directory or a document on it, or a path in a mount of it");
    options.Flag("--structure", &request_.structure,
                 "Ask for no grants: check what can be told without keys");
    options.Flag("--quick", &request_.quick,
                 "Leave the content out: header, trailer, records and framing alone");
    options.Flag("--repair", &request_.repair,
                 "Repair what takes no guessing, each document after it was copied");
    options.Value("--copies", "DIRECTORY", &request_.copies,
                  "Where to copy documents before they are repaired");
    options.Flag("-q,--quiet", &quiet_, "Say only what is damaged or could not be checked");
    options.Flag("-v,--verbose", &verbose_, "Name what is good, too");
    passphrase_.Declare(options);
  }

  Status Run(Context& context) override {
    if (quiet_ && verbose_)
      return Fail(ErrorCode::kInvalid, "give only one of --quiet and --verbose");
    if (!request_.copies.empty() && !request_.repair) {
      return Fail(ErrorCode::kInvalid, "--copies goes with --repair");
    }
    request_.detail = quiet_ ? Detail::kQuiet : verbose_ ? Detail::kAll : Detail::kProblems;
    OpenedClient opened;
    std::unique_ptr<Access> access;
    if (!request_.structure) {
      RECRYPT_ASSIGN(opened, OpenWithKeys(passphrase_));
      access = opened->MakeAccess();
    }
    const SystemClock clock;
    ProgressLine line(context.out, "checking", std::nullopt);
    CheckSpec spec;
    spec.access = access.get();
    spec.clock = &clock;
    spec.depth = request_.quick ? CheckDepth::kFrame : CheckDepth::kContent;
    spec.progress = [&line](uint64_t more) { line.Add(more); };
    FsckSummary summary;
    for (const std::string& path : request_.paths) {
      RECRYPT_TRY(Fsck(request_, opened.client.get(), spec, context.out, line, summary).Run(path));
    }
    line.Hide();
    ShowSummary(context.out, summary);
    if (!context.out.Flush()) {
      return Fail(ErrorCode::kIo, "standard output cannot be written");
    }
    if (summary.Exit() != ExitCode::kOk) context.exit_status = static_cast<int>(summary.Exit());
    return {};
  }

 private:
  FsckRequest request_;
  PassphraseOptions passphrase_;
  bool quiet_ = false, verbose_ = false;
};

constexpr std::array kVerbs = {
    Verb{"fsck", "Check the documents of a share, and repair them", "recryptfs fsck /srv/share",
         MakeCommand<FsckCommand>},
};

}  // namespace

std::span<const Verb> FsckVerbs() { return kVerbs; }

}  // namespace recrypt
