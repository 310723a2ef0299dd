// recryptfs adopt: a tree of plain files becomes documents, in place.
#include "client/adopt.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>

#include "cli/adopt_survey.h"
#include "cli/failures.h"
#include "cli/mount_table.h"
#include "cli/open_client.h"
#include "cli/progress.h"
#include "cli/quantities.h"
#include "cli/share_place.h"
#include "cli/stored_names.h"
#include "cli/verbs.h"
#include "client/label_keys.h"

namespace recrypt {
namespace {

// Of content, at once: the disk holds it twice meanwhile.
constexpr uint64_t kMaxBatchBytes = uint64_t{256} << 20;

struct Totals {
  uint64_t adopted = 0, begun_before = 0, failed = 0, bytes = 0, owners_changed = 0;

  void Count(const Adopted& one) {
    if (one.failure) {
      ++failed;
      return;
    }
    ++adopted;
    bytes += one.size;
    if (one.was_begun) ++begun_before;
    if (one.owner == OwnerKept::kNo) ++owners_changed;
  }
};

std::string Files(uint64_t count) {
  return std::to_string(count) + (count == 1 ? " plain file" : " plain files");
}

class Adopt : public Command {
 public:
  void Declare(Options& options) override {
    options.Argument("DIR", &directory_, "A directory of a share, or of a mount of it");
    options.Value("--label", "EXPR", &label_, "The label, or expression of labels, of all files");
    options.Flag("--dry-run", &dry_run_, "Change nothing; tell what there is to do");
    options.Flag("--assign", &assign_, "Give new files in DIR the label too, as 'label assign'");
    options.Value("--share", "ROOT", &share_, "The share's root, for --assign the first time");
    options.Flag("--no-grants", &no_grants_,
                 "Compare documents by the keys they were made with, not by grants");
    passphrase_.Declare(options);
  }

  Status Run(Context& context) override {
    RECRYPT_TRY(CheckOptions());
    RECRYPT_ASSIGN(expression_, LabelExpression::Parse(label_));
    RECRYPT_ASSIGN(root_, PathOnShare(directory_));
    RECRYPT_ASSIGN(const bool mounted, LiesInAMount(root_));
    if (mounted) {
      return Fail(ErrorCode::kInvalid, directory_ +
                                           " lies in somebody else's mount: name the "
                                           "directory of the share itself");
    }
    struct stat info {};
    if (::stat(root_.c_str(), &info) != 0) return FailErrno(errno, directory_);
    if (!S_ISDIR(info.st_mode)) {
      return Fail(ErrorCode::kInvalid,
                  directory_ + " is no directory: 'recryptfs encrypt' takes single files");
    }
    RECRYPT_ASSIGN(const OpenedClient opened, OpenWithKeys(passphrase_));
    RECRYPT_TRY(CheckFits(opened->profiles(), *expression_));
    const std::unique_ptr<Access> access = opened->MakeAccess();
    RECRYPT_TRY(access->AuthorFor(*expression_));
    Failures failures(context.out, "stay plain: mend that, and run this again");
    const auto unreadable = [&](const std::string& path, const Error& error) {
      failures.Add(path, error);
    };
    if (assign_ && !dry_run_) RECRYPT_TRY(Assign(context, *opened));
    RECRYPT_ASSIGN(AdoptSurvey survey, SurveyTree(root_, unreadable));
    if (dry_run_) {
      TellPlan(context, survey);
    } else {
      RECRYPT_TRY(MakeWayFor(context, *opened, survey));
      RECRYPT_TRY(Work(context, *opened, *access, survey, failures));
    }
    OfferAssign(context, *opened);
    return failures.Close(survey.files);
  }

 private:
  Status CheckOptions() const {
    if (label_.empty()) {
      return Fail(ErrorCode::kInvalid, "--label says under which label the files are to be");
    }
    if (!share_.empty() && !assign_) return Fail(ErrorCode::kInvalid, "--share goes with --assign");
    return {};
  }

  Status Assign(Context& context, Client& client) const {
    RECRYPT_ASSIGN(const ShareLocation at, LocateOnShare(directory_, share_));
    RECRYPT_TRY(AssignLabel(client, at, *expression_));
    context.out.Note("New files in " + root_ + " get the label " + expression_->text() + ".");
    return {};
  }

  // Whoever adopts a directory mostly wants new files in it to be under the label as well, which
  // takes the share's owner.
  void OfferAssign(Context& context, Client& client) const {
    const auto ruling = RulingLabel(client, root_);
    const std::string command =
        "'recryptfs label assign " + expression_->text() + " " + directory_ + "'";
    if (!ruling) {
      context.out.Note("The share's policy cannot be read: " + ruling.error().message);
    } else if (!*ruling) {
      context.out.Note("New files there have no label yet, so a mount cannot make any: " + command +
                       " gives them this one.");
    } else if (!(**ruling == *expression_)) {
      context.out.Note("New files there get the label " + (*ruling)->text() + ": " + command +
                       " gives them this one.");
    }
  }

  void TellPlan(Context& context, const AdoptSurvey& survey) const {
    const uint64_t room = std::max(survey.largest, std::min(survey.bytes, kMaxBatchBytes));
    context.out.Line(Files(survey.files) + " (" + FormatSize(survey.bytes) +
                     ") would become documents of " + expression_->text() + "; " +
                     std::to_string(survey.documents) + " documents are there.");
    context.out.Line("Room that is needed meanwhile: " + FormatSize(room) + ".");
    if (survey.beside > 0) {
      context.out.Line("Of " + std::to_string(survey.beside) +
                       " files a document stands beside them: it would be compared.");
    }
    for (const std::string& path : survey.in_the_way) {
      context.out.Line(path + " would be stored under another name, as a mount does.");
    }
    TellLeftBehind(context, survey);
    context.out.Object({{"files", survey.files},
                        {"bytes", survey.bytes},
                        {"documents", survey.documents},
                        {"beside", survey.beside},
                        {"in_the_way", survey.in_the_way},
                        {"left_behind", survey.left_behind},
                        {"room", room}});
  }

  static void TellLeftBehind(Context& context, const AdoptSurvey& survey) {
    if (survey.left_behind == 0) return;
    context.out.Note(std::to_string(survey.left_behind) +
                     " files that commands left behind were passed over: 'recryptfs fsck --repair' "
                     "removes them.");
  }

  // Names change, so the tree is looked at again.
  Status MakeWayFor(Context& context, Client& client, AdoptSurvey& survey) const {
    if (survey.in_the_way.empty()) return {};
    std::vector<SharePolicy::Path> ruled;
    const auto share = FindShare(root_);
    if (share) {
      RECRYPT_ASSIGN(const SharePolicy policy, LoadSharePolicy(client, share->root));
      ruled = policy.paths;
    }
    for (auto at = survey.in_the_way.rbegin(); at != survey.in_the_way.rend(); ++at) {
      const bool has_label = std::any_of(ruled.begin(), ruled.end(), [&](const auto& path) {
        return (share->root + "/" + path.path + "/").starts_with(*at + "/");
      });
      if (has_label) continue;  // its name stands in the policy: the file beside it stays plain
      RECRYPT_TRY(MakeWay(*at));
      context.out.Note(*at +
                       ": stored under another name, as a mount does, which shows it as before");
    }
    RECRYPT_ASSIGN(survey, SurveyTree(root_, [](const std::string&, const Error&) {}));
    return {};
  }

  Status Work(Context& context, Client& client, Access& access, const AdoptSurvey& survey,
              Failures& failures) const {
    using Steady = std::chrono::steady_clock;
    const Steady::time_point begun = Steady::now();
    Totals totals;
    {
      const ProgressUnit unit = UnitFor(survey.files, survey.bytes);
      const bool small = unit == ProgressUnit::kPieces;
      ProgressLine line(context.out, "adopting", small ? survey.files : survey.bytes, unit);
      AdoptSpec spec{&access, &client.clock(), *expression_, KeepName};
      if (no_grants_) spec.open_again = OpenAgainBy::kOwnKeys;
      std::atomic<uint64_t> half = 0;
      if (!small) {
        spec.progress = [&](uint64_t more) { line.Update((half += more) / 2); };
      }
      Adopter adopter(std::move(spec));
      const auto report = [&](const Adopted& one) {
        totals.Count(one);
        if (small) line.Add(1);
        if (!one.failure) return;
        line.Hide();
        failures.Add(one.path, *one.failure);
      };
      std::vector<AdoptFile> batch;
      uint64_t bytes = 0;
      const auto flush = [&]() -> Status {
        adopter.Run(batch, report);
        batch.clear();
        bytes = 0;
        return failures.StopIfDiskIsFull();
      };
      const auto take = [&](AdoptFile file, uint64_t size) -> Status {
        batch.push_back(std::move(file));
        bytes += size;
        return batch.size() < Adopter::kBatch && bytes < kMaxBatchBytes ? Status() : flush();
      };
      RECRYPT_TRY(ForEachPlainFile(
          root_, survey, [](const std::string&, const Error&) {}, take));
      RECRYPT_TRY(flush());
    }
    TellLeftBehind(context, survey);
    Tell(context, survey, totals, std::chrono::duration<double>(Steady::now() - begun).count());
    return {};
  }

  void Tell(Context& context, const AdoptSurvey& survey, const Totals& totals,
            double seconds) const {
    const auto rate =
        static_cast<uint64_t>(static_cast<double>(totals.bytes) / std::max(seconds, 0.001));
    context.out.Line("Adopted " + Files(totals.adopted) + " (" + FormatSize(totals.bytes) +
                     ") under " + expression_->text() + ", in " +
                     FormatDuration(static_cast<uint64_t>(seconds + 0.5)) + " (" +
                     FormatSize(rate) + "/s); " + std::to_string(survey.documents) +
                     " documents were there.");
    if (totals.owners_changed > 0) {
      context.out.Line(std::to_string(totals.owners_changed) +
                       " of them belong to you now: only root may keep other owners.");
    }
    context.out.Object({{"adopted", totals.adopted},
                        {"begun_before", totals.begun_before},
                        {"failed", totals.failed},
                        {"bytes", totals.bytes},
                        {"documents", survey.documents},
                        {"owners_changed", totals.owners_changed},
                        {"left_behind", survey.left_behind},
                        {"seconds", seconds}});
  }

  std::string directory_, label_, share_, root_;
  std::optional<LabelExpression> expression_;
  bool dry_run_ = false, assign_ = false, no_grants_ = false;
  PassphraseOptions passphrase_;
};

constexpr std::array kVerbs = {
    Verb{"adopt", "Make documents of the plain files in a directory, in place",
         "recryptfs adopt /srv/share/Accounting --label Accounting#example.com",
         MakeCommand<Adopt>},
};

}  // namespace

std::span<const Verb> AdoptVerbs() { return kVerbs; }

}  // namespace recrypt
