// recryptfs encrypt, decrypt: single documents, trees and streams.
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>

#include "cli/document_plan.h"
#include "cli/failures.h"
#include "cli/open_client.h"
#include "cli/progress.h"
#include "cli/stored_names.h"
#include "cli/verbs.h"
#include "client/brought_grants.h"
#include "client/document_files.h"
#include "client/label_keys.h"
#include "core/base/unique_fd.h"

namespace recrypt {
namespace {

std::optional<uint64_t> SizeOf(const std::string& path) {
  std::error_code unknown;
  const auto size = std::filesystem::file_size(path, unknown);
  return unknown ? std::nullopt : std::optional<uint64_t>(size);
}

// What both directions share: the options, and going through the files.
class DocumentCommand : public Command {
 protected:
  void DeclareShared(Options& options, const std::string& about_files) {
    options.Arguments("FILE", &request_.files, about_files);
    options.Value("-o,--output", "OUTPUT", &request_.output, "Write there; '-': standard output");
    options.Flag("-r,--recursive", &recursive_, "Take the files of directories too");
    options.Flag("-f,--force", &force_, "Replace what is there already");
    passphrase_.Declare(options);
  }

  Overwrite overwrite() const { return force_ ? Overwrite::kReplace : Overwrite::kRefuse; }

  // What several files need, at once.
  virtual void Prepare(BroughtGrants&, std::span<const DocumentJob>) const {}
  virtual Status Handle(Context& context, const OpenedClient& opened, Access& access,
                        const DocumentJob& job) = 0;

  // One failure is the command's; among several files the others are still done.
  Status HandleAll(Context& context, const OpenedClient& opened) {
    request_.trees = recursive_ ? Trees::kWalk : Trees::kRefuse;
    RECRYPT_ASSIGN(const std::vector<DocumentJob> jobs, PlanDocuments(request_));
    const std::unique_ptr<Access> access = opened->MakeAccess();
    access->SetWarn([&](const std::string& what) {
      context.out.Failure({ErrorCode::kIo, what, 0});
    });
    BroughtGrants grants(*access);
    Failures failures(context.out, "files failed, see above");
    for (size_t i = 0; i < jobs.size(); ++i) {
      if (jobs.size() > 1 && i % BroughtGrants::kMost == 0) {
        Prepare(grants,
                std::span(jobs).subspan(i, std::min(BroughtGrants::kMost, jobs.size() - i)));
      }
      const Status done = Handle(context, opened, grants, jobs[i]);
      if (done) continue;
      if (jobs.size() == 1) return Fail(done.error(), jobs[i].from);
      failures.Add(jobs[i].from, done.error());
    }
    if (jobs.empty()) context.out.Note("There was nothing to do.");
    return failures.Close(jobs.size());
  }

  DocumentRequest request_;
  PassphraseOptions passphrase_;

 private:
  bool recursive_ = false, force_ = false;
};

// Standard input is not opened again: it may be a pipe that another user has made.
Result<UniqueFd> OpenForReading(const std::string& from) {
  UniqueFd fd(from == kStandardStream ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
                                      : open(from.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return FailErrno(errno, "opening it");
  return fd;
}

class Encrypt : public DocumentCommand {
 public:
  void Declare(Options& options) override {
    options.Argument("LABEL", &label_, "The label, or an expression such as 'A#x.com | B#x.com'");
    DeclareShared(options, "What to encrypt; '-': standard input");
    options.Flag("--unsigned", &unsigned_, "Do not sign; readers may refuse it");
  }

  Status Run(Context& context) override {
    RECRYPT_ASSIGN(expression_, LabelExpression::Parse(label_));
    request_.direction = Direction::kEncrypt;
    RECRYPT_ASSIGN(const OpenedClient opened,
                   unsigned_ ? OpenWithoutKeys() : OpenWithKeys(passphrase_));
    RECRYPT_TRY(CheckFits(opened->profiles(), *expression_));
    return HandleAll(context, opened);
  }

 private:
  Status Handle(Context& context, const OpenedClient&, Access& access,
                const DocumentJob& job) override {
    EncryptSpec spec{*expression_, "", unsigned_ ? Signing::kUnsigned : Signing::kAuthor};
    if (job.from != kStandardStream) {
      spec.name = std::filesystem::path(job.from).filename().string();
    }
    ProgressLine line(context.out, job.from, SizeOf(job.from));
    const Progress progress = [&line](uint64_t done) { line.Update(done); };
    RECRYPT_TRY(Write(access, spec, job, progress));
    context.out.Note((job.to == kStandardStream ? job.from : job.to) + ": encrypted to " +
                     expression_->text() + (unsigned_ ? ", unsigned" : ""));
    if (job.to == kStandardStream) return {};
    context.out.Object({{"file", job.from}, {"output", job.to}, {"label", expression_->text()}});
    return {};
  }

  Status Write(Access& access, const EncryptSpec& spec, const DocumentJob& job,
               const Progress& progress) const {
    const bool to_stream = job.to == kStandardStream;
    if (to_stream && isatty(STDOUT_FILENO) == 1) {
      return Fail(ErrorCode::kInvalid, "standard output is a terminal: send it to a file");
    }
    // Durable before the document that needs it (DESIGN 6).
    RECRYPT_ASSIGN(const LongNames::Kept kept, KeepName(job.to, spec.name));
    if (job.from != kStandardStream && !to_stream) {
      return EncryptFile(access, spec, job.from, job.to, overwrite(), progress);
    }
    RECRYPT_ASSIGN(const UniqueFd in, OpenForReading(job.from));
    if (to_stream) return EncryptStream(access, spec, in.get(), STDOUT_FILENO, progress);
    return EncryptStreamToFile(access, spec, in.get(), job.to, overwrite(), progress);
  }

  std::string label_;
  std::optional<LabelExpression> expression_;
  bool unsigned_ = false;
};

class Decrypt : public DocumentCommand {
 public:
  void Declare(Options& options) override {
    DeclareShared(options, "What to decrypt, named *.jcd; '-': standard input");
  }

  Status Run(Context& context) override {
    request_.direction = Direction::kDecrypt;
    RECRYPT_ASSIGN(const OpenedClient opened, OpenWithKeys(passphrase_));
    return HandleAll(context, opened);
  }

 private:
  void Prepare(BroughtGrants& grants, std::span<const DocumentJob> jobs) const override {
    std::vector<std::string> stored;
    for (const DocumentJob& job : jobs) stored.push_back(job.from);
    BringGrants(grants, stored);
  }

  Status Handle(Context& context, const OpenedClient& opened, Access& access,
                const DocumentJob& job) override {
    ProgressLine line(context.out, job.from, SizeOf(job.from));
    const Progress progress = [&line](uint64_t done) { line.Update(done); };
    RECRYPT_ASSIGN(const Decrypted done, Write(access, opened->clock(), job, progress));
    if (job.to == kStandardStream) return {};
    const bool chosen = job.to == request_.output;
    const std::string to = chosen ? job.to : GiveNameInside(job.from, job.to, done.name);
    const std::string author = done.authorship.known() ? done.authorship.author : "";
    context.out.Note(to + ": by " + (author.empty() ? "an unknown author" : author) + ", " +
                     done.expression.text());
    context.out.Object({{"file", job.from},
                        {"output", to},
                        {"label", done.expression.text()},
                        {"author", author.empty() ? Json() : Json(author)},
                        {"size", done.size}});
    return {};
  }

  Result<Decrypted> Write(Access& access, const Clock& clock, const DocumentJob& job,
                          const Progress& progress) const {
    if (job.from != kStandardStream && job.to != kStandardStream) {
      return DecryptFile(access, clock, job.from, job.to, {overwrite()}, progress);
    }
    RECRYPT_ASSIGN(const UniqueFd in, OpenForReading(job.from));
    if (job.to == kStandardStream) {
      return DecryptStream(access, clock, in.get(), STDOUT_FILENO, progress);
    }
    return DecryptStreamToFile(access, clock, in.get(), job.to, overwrite(), progress);
  }
};

constexpr std::array kVerbs = {
    Verb{"encrypt", "Encrypt files or a stream to a label",
         "recryptfs encrypt Accounting#example.com report.odt", MakeCommand<Encrypt>},
    Verb{"decrypt", "Decrypt documents or a stream", "recryptfs decrypt report.odt.jcd",
         MakeCommand<Decrypt>},
};

}  // namespace

std::span<const Verb> DocumentVerbs() { return kVerbs; }

}  // namespace recrypt
