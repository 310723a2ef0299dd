#include "cli/exit_codes.h"

#include <array>

namespace recrypt {
namespace {

constexpr std::array kMeanings = {
    ExitCodeMeaning{ExitCode::kOk, "done"},
    ExitCodeMeaning{ExitCode::kFailed, "failed, mostly because the operating system refused"},
    ExitCodeMeaning{ExitCode::kUsage, "the command or a value in it is not understood"},
    ExitCodeMeaning{ExitCode::kNotFound, "no such file, label, account or member"},
    ExitCodeMeaning{ExitCode::kDenied, "no grant, no right, a fingerprint or signature refused"},
    ExitCodeMeaning{ExitCode::kUnavailable, "the service is not reachable, slow or overloaded"},
    ExitCodeMeaning{ExitCode::kCorrupt, "damaged or tampered with"},
    ExitCodeMeaning{ExitCode::kExists, "is there already"},
    ExitCodeMeaning{ExitCode::kBusy, "in use by somebody else"},
    ExitCodeMeaning{ExitCode::kQuota, "a quota is used up"},
    ExitCodeMeaning{ExitCode::kPending, "held for review"},
    ExitCodeMeaning{ExitCode::kStale, "older than what was seen before, or expired"},
    ExitCodeMeaning{ExitCode::kForbidden, "policy forbids it, whoever asks"},
    ExitCodeMeaning{ExitCode::kRepaired, "fsck repaired documents, and no damage is left"},
};

}  // namespace

std::span<const ExitCodeMeaning> ExitCodes() { return kMeanings; }

ExitCode ExitCodeOf(const Error& error) {
  switch (error.code) {
    case ErrorCode::kInvalid:
      return ExitCode::kUsage;
    case ErrorCode::kNotFound:
      return ExitCode::kNotFound;
    case ErrorCode::kExists:
      return ExitCode::kExists;
    case ErrorCode::kDenied:
      return ExitCode::kDenied;
    case ErrorCode::kForbidden:
      return ExitCode::kForbidden;
    case ErrorCode::kPending:
      return ExitCode::kPending;
    case ErrorCode::kQuota:
      return ExitCode::kQuota;
    case ErrorCode::kUnavailable:
      return ExitCode::kUnavailable;
    case ErrorCode::kBusy:
      return ExitCode::kBusy;
    case ErrorCode::kCorrupt:
      return ExitCode::kCorrupt;
    case ErrorCode::kStale:
      return ExitCode::kStale;
    case ErrorCode::kIo:
      return ExitCode::kFailed;
  }
  return ExitCode::kFailed;
}

}  // namespace recrypt
