#include "cli/exit_codes.h"

#include <array>

namespace recrypt {
namespace {

constexpr std::array kMeanings = {
    ExitCodeMeaning{ExitCode::kOk, "done", ""},
    ExitCodeMeaning{ExitCode::kFailed, "failed, mostly because the operating system refused",
                    "see to what the message names: rights, room, or the device"},
    ExitCodeMeaning{ExitCode::kUsage, "the command or a value in it is not understood",
                    "see the options and the example that --help shows"},
    ExitCodeMeaning{ExitCode::kNotFound, "no such file, label, account or member",
                    "see what the message says is missing; 'recryptfs label list' shows labels, "
                    "'recryptfs status' mounts"},
    ExitCodeMeaning{ExitCode::kDenied, "no grant, no right, a fingerprint or signature refused",
                    "see what the message says was refused, and ask who did; in a mount, "
                    "'recryptfs why PATH' says more"},
    ExitCodeMeaning{ExitCode::kUnavailable, "the service is not reachable, slow or overloaded",
                    "try again later: 'recryptfs status' shows which services answer"},
    ExitCodeMeaning{
        ExitCode::kCorrupt, "damaged or tampered with",
        "see what is damaged, by 'recryptfs fsck PATH', and bring it back from a backup"},
    ExitCodeMeaning{
        ExitCode::kExists, "is there already",
        "choose another name, or replace it by --force or --replace where there is one"},
    ExitCodeMeaning{ExitCode::kBusy, "in use by somebody else",
                    "wait until the other one is done, and run the command again"},
    ExitCodeMeaning{ExitCode::kQuota, "a quota is used up",
                    "wait until its period is over, or ask an administrator of the label"},
    ExitCodeMeaning{ExitCode::kPending, "held for review",
                    "wait for a supervisor of the label to decide, and run the command again"},
    ExitCodeMeaning{ExitCode::kStale, "older than what was seen before, or expired",
                    "get the newer one from its owner, and check the clock of this machine"},
    ExitCodeMeaning{ExitCode::kForbidden, "policy forbids it, whoever asks",
                    "see what the label allows, by 'recryptfs label policy LABEL'"},
    ExitCodeMeaning{ExitCode::kRepaired, "fsck repaired documents, and no damage is left", ""},
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

std::string_view AdviceOn(const Error& error) {
  const ExitCode code = ExitCodeOf(error);
  for (const ExitCodeMeaning& row : kMeanings) {
    if (row.code == code) return row.advice;
  }
  return {};
}

}  // namespace recrypt
