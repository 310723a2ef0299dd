// recryptfs export: documents become plain files, elsewhere.
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <filesystem>

#include "cli/adopt_survey.h"
#include "cli/exporter.h"
#include "cli/mount_table.h"
#include "cli/open_client.h"
#include "cli/quantities.h"
#include "cli/verbs.h"

namespace recrypt {
namespace {

class Export : public Command {
 public:
  void Declare(Options& options) override {
    options.Argument("PATH", &path_, "A directory or document of a share, or in a mount of it");
    options.Value("--to", "DIR", &to_, "Where the plain files go; made when it is not there");
    passphrase_.Declare(options);
  }

  Status Run(Context& context) override {
    if (to_.empty()) return Fail(ErrorCode::kInvalid, "--to says where the plain files go");
    RECRYPT_ASSIGN(const std::string root, StoredOnShare(path_));
    RECRYPT_ASSIGN(const OpenedClient opened, OpenWithKeys(passphrase_));
    const bool made = ::mkdir(to_.c_str(), 0700) == 0;
    if (!made && errno != EEXIST) return FailErrno(errno, "making " + to_);
    RECRYPT_TRY(CheckTarget(root));
    Failures failures(context.out, "were not exported, see above");
    const std::unique_ptr<Access> access = opened->MakeAccess();
    struct stat info {};
    AdoptSurvey survey;
    survey.documents = 1;
    if (::stat(root.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) {
      RECRYPT_ASSIGN(survey, SurveyTree(root, [](const std::string&, const Error&) {}));
    }
    const uint64_t files = survey.documents + survey.files;
    const uint64_t bytes = survey.stored_bytes + survey.bytes;
    const ProgressUnit unit = UnitFor(files, bytes);
    using Steady = std::chrono::steady_clock;
    const Steady::time_point begun = Steady::now();
    ExportTotals totals;
    {
      ProgressLine line(context.out, "exporting", unit == ProgressUnit::kPieces ? files : bytes,
                        unit);
      Exporter exporter({access.get(), &opened->clock(), to_, made, &line, unit}, failures);
      RECRYPT_TRY(exporter.Run(root));
      totals = exporter.totals();
    }
    Tell(context, totals, std::chrono::duration<double>(Steady::now() - begun).count());
    return failures.Close(files);
  }

 private:
  // What is written below what is read would never end.
  Status CheckTarget(const std::string& root) const {
    std::error_code problem;
    const std::string to = std::filesystem::canonical(to_, problem).string();
    if (problem) return FailErrno(problem.value(), to_);
    if (!std::filesystem::is_directory(to, problem)) {
      return Fail(ErrorCode::kInvalid, to_ + " is no directory");
    }
    if ((to + "/").starts_with(root + "/")) {
      return Fail(ErrorCode::kInvalid, to_ + " lies in what is to be exported: name another place");
    }
    return {};
  }

  void Tell(Context& context, const ExportTotals& totals, double seconds) const {
    context.out.Line(std::to_string(totals.documents) + " documents (" + FormatSize(totals.bytes) +
                     ") became plain files in " + to_ + ", in " +
                     FormatDuration(static_cast<uint64_t>(seconds + 0.5)) + "; " +
                     std::to_string(totals.plain) + " plain files were copied, " +
                     std::to_string(totals.there) + " were there.");
    if (totals.owners_changed > 0) {
      context.out.Line(std::to_string(totals.owners_changed) +
                       " of them belong to you now: only root may keep other owners.");
    }
    if (totals.special > 0) {
      context.out.Note(std::to_string(totals.special) +
                       " FIFOs, sockets or devices were passed over.");
    }
    context.out.Object({{"documents", totals.documents},
                        {"plain", totals.plain},
                        {"there", totals.there},
                        {"links", totals.links},
                        {"directories", totals.directories},
                        {"special", totals.special},
                        {"failed", totals.failed},
                        {"bytes", totals.bytes},
                        {"owners_changed", totals.owners_changed},
                        {"seconds", seconds}});
  }

  std::string path_, to_;
  PassphraseOptions passphrase_;
};

constexpr std::array kVerbs = {
    Verb{"export", "Make plain files of documents, in another directory",
         "recryptfs export /srv/share/Accounting --to /backup/Accounting", MakeCommand<Export>},
};

}  // namespace

std::span<const Verb> ExportVerbs() { return kVerbs; }

}  // namespace recrypt
