#include "client/document_repair.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "client/content.h"
#include "client/durable_file.h"
#include "client/file_attributes.h"
#include "client/output_file.h"
#include "client/stored_file_fd.h"
#include "core/base/rename_new.h"

namespace recrypt {
namespace {

constexpr int kMaxCopies = 1000;

// The directory, with every name on the way to it durable.
Status MakeDurableDirectory(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) return {};
  const std::string parent = ParentOf(path);
  if (parent != path) RECRYPT_TRY(MakeDurableDirectory(parent));
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
    return FailErrno(errno, "making " + path);
  return SyncDirectoryOf(path);
}

// What may be done, by what was seen under the lock.
struct Plan {
  bool empty_it = false;
  bool apply = false;
  bool write = false;  // the report's mends and cut
  std::string why_not;
  bool any() const { return empty_it || apply || write; }
};

Plan MakePlan(const OpenedCheck& seen) {
  Plan plan;
  const CheckReport& report = seen.report;
  if (report.condition == Condition::kUnfinished) {
    // Without a grant only what holds nothing at all is known to be nobody's.
    plan.empty_it = seen.encoding == Encoding::kZeros || seen.keys.has_value();
    if (!plan.empty_it) plan.why_not = "without a grant it cannot be told that nothing is lost";
    return plan;
  }
  if (report.authenticated) {
    plan.apply = report.records_wait;
    plan.write = report.cut_to.has_value() || !report.mends.empty() || !seen.old_attributes.empty();
  }
  if (plan.any()) return plan;
  if (!report.authenticated && seen.refused) {
    plan.why_not = "without a grant nothing of it can be verified: " + seen.refused->message;
  } else if (!report.authenticated && !seen.keys) {
    plan.why_not = "without its keys nothing of it can be verified";
  } else {
    plan.why_not = "what is damaged cannot be told from anything else that was verified";
  }
  return plan;
}

class Repairer {
 public:
  Repairer(const CheckSpec& spec, std::shared_ptr<FdStoredFile> file, int fd)
      : spec_(spec), file_(std::move(file)), fd_(fd) {}

  Result<Repair> Run(const std::vector<ContentRange>& damaged, const std::string& copy_to) {
    RECRYPT_ASSIGN(OpenedCheck seen, CheckLocked(spec_, *file_, damaged));
    const Plan plan = MakePlan(seen);
    Repair repair;
    repair.why_not = plan.why_not;
    if (!plan.any()) return repair;
    auto copy = CopyDurably(fd_, copy_to);
    if (!copy) return Fail(copy.error(), "its copy cannot be made");
    repair.copy = std::move(*copy);
    if (plan.empty_it) {
      RECRYPT_TRY(file_->Truncate(0));
      repair.done.push_back("made empty, as its creation never finished");
      // Promise: what was reported as done is there after a crash.
      RECRYPT_TRY(file_->SyncData());
      return repair;
    }
    if (plan.apply) {
      RECRYPT_TRY(Apply(seen));
      repair.done.push_back("commit records brought into place");
      RECRYPT_ASSIGN(seen, CheckLocked(spec_, *file_, damaged));
    }
    RECRYPT_TRY(Write(seen, repair));
    return repair;
  }

 private:
  Status Apply(OpenedCheck& seen) {
    if (!seen.keys) return Fail(ErrorCode::kDenied, "its lease has ended");
    RECRYPT_ASSIGN(auto document, Document::Open(file_, seen.keys->keys.Clone(), seen.keys->trust,
                                                 spec_.clock->NowSeconds()));
    return document->Apply();
  }

  Status Write(const OpenedCheck& seen, Repair& repair) {
    const CheckReport& report = seen.report;
    if (!report.authenticated || report.records_wait) return {};
    for (const Mend& mend : report.mends) {
      RECRYPT_TRY(file_->WriteAt(mend.offset, mend.bytes));
    }
    if (!report.mends.empty()) {
      repair.done.push_back("framing or index blocks written again, " +
                            std::to_string(report.mends.size()) + " in all");
    }
    if (report.cut_to) {
      RECRYPT_TRY(file_->Truncate(*report.cut_to));
      repair.done.push_back("what an unfinished commit left behind it cut off");
    }
    for (const std::string& name : seen.old_attributes) {
      if (::fremovexattr(fd_, name.c_str()) != 0 && errno != ENODATA) {
        return FailErrno(errno, "removing old attributes");
      }
    }
    if (!seen.old_attributes.empty()) {
      repair.done.push_back("sealed attributes from before a change removed");
    }
    // Promise: what was reported as done is there after a crash.
    return file_->SyncData();
  }

  const CheckSpec& spec_;
  const std::shared_ptr<FdStoredFile> file_;
  const int fd_;
};

}  // namespace

Result<std::string> CopyDurably(int fd, const std::string& to) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) return FailErrno(errno, "reading it");
  RECRYPT_TRY(MakeDurableDirectory(ParentOf(to)));
  const std::string temporary = to + "." + HexEncode(RandomArray<8>()) + ".tmp";
  UniqueFd copy(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!copy) return FailErrno(errno, "creating " + temporary);
  Status done = CopyFileContent(fd, static_cast<uint64_t>(info.st_size), copy.get());
  if (done) done = CopyUserXattrs(fd, copy.get());
  if (done && ::fchmod(copy.get(), info.st_mode & 0777) != 0) done = FailErrno(errno, temporary);
  const struct timespec times[2] = {info.st_atim, info.st_mtim};
  if (done && ::futimens(copy.get(), times) != 0) done = FailErrno(errno, temporary);
  // Promise: the copy is whole and durable before anything of the document changes.
  if (done && ::fsync(copy.get()) != 0) done = FailErrno(errno, "syncing " + temporary);
  std::string name = to;
  for (int n = 1; done; ++n) {
    const int error = RenameNew(temporary, name);
    if (error == 0) break;
    if (error != EEXIST || n > kMaxCopies) done = FailErrno(error, "creating " + name);
    name = to + "." + std::to_string(n);
  }
  if (!done) (void)::unlink(temporary.c_str());
  if (done) done = SyncDirectoryOf(to);
  if (!done) return Fail(std::move(done.error()));
  return name;
}

Result<Repair> RepairDocument(const CheckSpec& spec, const CheckedDocument& checked,
                              const std::string& copy_to) {
  UniqueFd fd(::open(checked.path.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return FailErrno(errno, "opening it for writing");
  const int locked = fd.get();
  RECRYPT_TRY(WaitForDocument(locked, LockKind::kExclusive, spec.lock_wait_ms));
  // The lock goes with the descriptor.
  const auto file = std::make_shared<FdStoredFile>(std::move(fd));
  return Repairer(spec, file, locked).Run(DamagedContent(checked.report), copy_to);
}

}  // namespace recrypt
