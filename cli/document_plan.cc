#include "cli/document_plan.h"

#include <algorithm>
#include <filesystem>

#include "cli/stored_names.h"
#include "core/jcd/stored_name.h"

namespace recrypt {
namespace {

namespace stdfs = std::filesystem;

std::string ResultPath(Direction direction, const std::string& path) {
  return direction == Direction::kEncrypt ? StoredPathOf(path) : PlainPathOf(path);
}

class Planner {
 public:
  explicit Planner(const DocumentRequest& request) : request_(request) {
    std::error_code absent;
    into_directory_ = !request.output.empty() && stdfs::is_directory(request.output, absent);
  }

  Result<std::vector<DocumentJob>> Plan() {
    for (const std::string& file : request_.files) {
      std::error_code problem;
      const bool directory = file != kStandardStream && stdfs::is_directory(file, problem);
      RECRYPT_TRY(directory ? AddTree(file) : AddFile(file));
    }
    return std::move(jobs_);
  }

 private:
  bool decrypting() const { return request_.direction == Direction::kDecrypt; }

  Status AddFile(const std::string& file) {
    if (file == kStandardStream) {
      if (request_.files.size() > 1) {
        return Fail(ErrorCode::kInvalid, "'-' goes with no other file");
      }
      if (into_directory_) {
        return Fail(ErrorCode::kInvalid, request_.output + " is a directory: name a file");
      }
      jobs_.push_back({file, request_.output.empty() ? file : request_.output});
      return {};
    }
    if (!request_.output.empty() && !into_directory_) {
      if (request_.files.size() > 1) {
        return Fail(ErrorCode::kInvalid, request_.output +
                                             " is no directory, and there are several files to "
                                             "write: make it, or leave --output out");
      }
      jobs_.push_back({file, request_.output});
      return {};
    }
    if (decrypting() && !IsStoredDocument(file)) {
      return Fail(ErrorCode::kInvalid,
                  file + " does not end in .jcd: say with --output where to decrypt it to");
    }
    const std::string result = ResultPath(request_.direction, file);
    jobs_.push_back(
        {file, into_directory_ ? request_.output + "/" + std::string(FileNameIn(result)) : result});
    return {};
  }

  Status AddTree(const std::string& root) {
    if (request_.trees == Trees::kRefuse) {
      return Fail(ErrorCode::kInvalid, root + " is a directory: --recursive takes its files");
    }
    if (request_.output == kStandardStream) {
      return Fail(ErrorCode::kInvalid, "a directory does not fit through standard output");
    }
    std::error_code problem;
    std::vector<std::string> found;
    for (stdfs::recursive_directory_iterator at(root, problem), end; !problem && at != end;
         at.increment(problem)) {
      if (!at->is_regular_file(problem) || at->is_symlink(problem)) continue;
      const std::string file = at->path().string();
      if (!decrypting() && IsSidecarName(FileNameIn(file))) continue;
      if (IsStoredDocument(file) == decrypting()) found.push_back(file);
    }
    if (problem) return FailErrno(problem.value(), "reading " + root);
    std::sort(found.begin(), found.end());
    for (const std::string& file : found) {
      std::string to = ResultPath(request_.direction, file);
      if (!request_.output.empty()) {
        const stdfs::path below =
            stdfs::path(request_.output) / stdfs::path(to).lexically_relative(root);
        stdfs::create_directories(below.parent_path(), problem);
        if (problem) return FailErrno(problem.value(), below.parent_path().string());
        to = below.string();
      }
      jobs_.push_back({file, to});
    }
    return {};
  }

  const DocumentRequest& request_;
  bool into_directory_ = false;
  std::vector<DocumentJob> jobs_;
};

}  // namespace

Result<std::vector<DocumentJob>> PlanDocuments(const DocumentRequest& request) {
  return Planner(request).Plan();
}

}  // namespace recrypt
