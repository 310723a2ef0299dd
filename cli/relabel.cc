// recryptfs relabel: documents that are there, under other labels or under the labels' new keys.
#include "client/relabel.h"

#include <array>
#include <chrono>

#include "cli/failures.h"
#include "cli/mount_table.h"
#include "cli/open_client.h"
#include "cli/progress.h"
#include "cli/quantities.h"
#include "cli/share_walk.h"
#include "cli/verbs.h"
#include "client/label_keys.h"

namespace recrypt {
namespace {

// What came of all of them.
struct Totals {
  uint64_t documents = 0, changed = 0, old_headers = 0, old_data_keys = 0, not_looked_into = 0,
           failed = 0;

  void Count(const Relabelled& one) {
    if (one.empty) return;
    ++documents;
    if (one.failure) ++failed;
    if (one.changed) ++changed;
    if (one.old_header) ++old_headers;
    if (one.data_keys > 1) ++old_data_keys;
    if (one.data_keys == 0 && !one.failure) ++not_looked_into;
  }
};

class Relabel : public Command {
 public:
  void Declare(Options& options) override {
    options.Arguments("PATH", &paths_, "Documents, or directories with all below; in a mount too");
    options.Value("--to", "EXPR", &to_, "Give them this label, or expression of labels");
    options.Flag("--epoch", &epoch_, "Bring them under the current keys of their labels");
    options.Flag("--data", &data_, "Encrypt the content again too, under a fresh data key");
    options.Flag("--dry-run", &dry_run_, "Change nothing; tell what is left to do");
    passphrase_.Declare(options);
  }

  Status Run(Context& context) override {
    if (to_.empty() == !epoch_) {
      return Fail(ErrorCode::kInvalid, "either --epoch or --to EXPR says what to do");
    }
    RECRYPT_ASSIGN(const OpenedClient opened, OpenWithKeys(passphrase_));
    const std::unique_ptr<Access> access = opened->MakeAccess();
    RelabelSpec spec{access.get(), &opened->profiles(), &opened->clock()};
    if (!to_.empty()) {
      RECRYPT_ASSIGN(spec.to, LabelExpression::Parse(to_));
      RECRYPT_TRY(CheckFits(opened->profiles(), *spec.to));
      RECRYPT_TRY(access->AuthorFor(*spec.to));
    }
    if (data_) spec.data = RelabelData::kRewrite;
    if (dry_run_) spec.mode = RelabelMode::kLook;
    RECRYPT_ASSIGN(const std::vector<std::string> documents, Find(context));
    return Work(context, std::move(spec), documents);
  }

 private:
  Result<std::vector<std::string>> Find(Context& context) const {
    std::vector<std::string> documents;
    ShareWalk walk(
        [&](const ShareFile& file) -> Status {
          const bool is_one = file.kind == ShareFileKind::kDocument ||
                              file.kind == ShareFileKind::kUnnamed ||
                              file.kind == ShareFileKind::kTemporaryDocument;
          if (is_one) documents.push_back(file.path);
          return {};
        },
        [&](const std::string& path, const Error& error) {
          context.out.Failure(Error{error.code, path + ": " + error.message, error.os_error});
        });
    for (const std::string& path : paths_) {
      RECRYPT_ASSIGN(const std::string on_share, StoredOnShare(path));
      RECRYPT_TRY(walk.Run(on_share));
    }
    return documents;
  }

  Status Work(Context& context, RelabelSpec spec, const std::vector<std::string>& documents) const {
    using Clock = std::chrono::steady_clock;
    Totals totals;
    Failures failures(context.out, "documents failed, see above");
    const Clock::time_point begun = Clock::now();
    {
      ProgressLine line(context.out, dry_run_ ? "looking" : "relabelling", documents.size(),
                        ProgressUnit::kPieces);
      Relabeler(std::move(spec)).Run(documents, [&](const Relabelled& one) {
        totals.Count(one);
        line.Add(1);
        if (!one.failure) return;
        line.Hide();
        failures.Add(one.path, *one.failure);
      });
    }
    Tell(context, totals, std::chrono::duration<double>(Clock::now() - begun).count());
    return failures.Close(totals.documents);
  }

  void Tell(Context& context, const Totals& totals, double seconds) const {
    const auto rate =
        static_cast<uint64_t>(static_cast<double>(totals.documents) / std::max(seconds, 0.001));
    const std::string headers = to_.empty() ? "on old keys of their labels" : "under other labels";
    context.out.Line(std::to_string(totals.documents) + " documents, " +
                     std::to_string(totals.changed) + " changed, in " +
                     FormatDuration(static_cast<uint64_t>(seconds + 0.5)) + " (" +
                     std::to_string(rate) + " a second).");
    context.out.Line(
        "Left: " + std::to_string(totals.old_headers) + " " + headers + ", " +
        std::to_string(totals.old_data_keys) + " with content under old data keys" +
        (totals.not_looked_into == 0
             ? ""
             : ", " + std::to_string(totals.not_looked_into) + " not looked into") +
        (totals.failed == 0 ? "." : "; " + std::to_string(totals.failed) + " failed."));
    context.out.Object({{"documents", totals.documents},
                        {"changed", totals.changed},
                        {"failed", totals.failed},
                        {"old_headers", totals.old_headers},
                        {"old_data_keys", totals.old_data_keys},
                        {"not_looked_into", totals.not_looked_into},
                        {"seconds", seconds}});
  }

  std::vector<std::string> paths_;
  std::string to_;
  bool epoch_ = false, data_ = false, dry_run_ = false;
  PassphraseOptions passphrase_;
};

constexpr std::array kVerbs = {
    Verb{"relabel", "Bring documents under new keys, or under another label",
         "recryptfs relabel --epoch /srv/share/Accounting", MakeCommand<Relabel>},
};

}  // namespace

std::span<const Verb> RelabelVerbs() { return kVerbs; }

}  // namespace recrypt
