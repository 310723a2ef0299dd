#include "cli/mount_helper.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "cli/become_user.h"
#include "cli/exit_codes.h"

namespace recrypt {
namespace {

// What `recryptfs mount -o` takes.
constexpr std::array<std::string_view, 16> kPassedOn = {
    "ro",      "rw",          "suid",       "nosuid",
    "dev",     "nodev",       "exec",       "noexec",
    "sync",    "async",       "dirsync",    "atime",
    "noatime", "allow_other", "allow_root", "default_permissions"};

// For mount(8) and systemd.mount(5), which have seen to them.
constexpr std::array<std::string_view, 16> kForOthers = {
    "defaults", "auto",    "noauto", "user",    "nouser",   "users", "owner", "noowner",
    "group",    "nogroup", "nofail", "_netdev", "relatime", "x-",    "X-",    "comment="};

// Those with a value, and the option of `recryptfs mount` that it is for.
struct Valued {
  std::string_view name;
  std::string_view option;
};
constexpr std::array kValued = {Valued{"label=", "--label="}, Valued{"passfile=", "--passfile="},
                                Valued{"log_file=", "--log-file="}};

constexpr std::string_view kKeysOf = "keys_of=";

bool IsForOthers(std::string_view option) {
  return std::any_of(kForOthers.begin(), kForOthers.end(), [option](std::string_view one) {
    const bool begins = one.ends_with('-') || one.ends_with('=');
    return begins ? option.starts_with(one) : option == one;
  });
}

enum class Unknown { kRefused, kIgnored };

class RequestParser {
 public:
  Result<MountRequest> Parse(const std::vector<std::string>& arguments) {
    RECRYPT_TRY(TakeAll(arguments));
    if (paths_.size() != 2) {
      return Fail(ErrorCode::kInvalid,
                  "usage: mount.recryptfs SHARE MOUNTPOINT [-sfnv] [-t TYPE] [-o OPTION,OPTION]");
    }
    for (const std::string& list : lists_) RECRYPT_TRY(TakeList(list));
    if (!passed_on_.empty())
      request_.arguments.insert(request_.arguments.end(), {"-o", passed_on_});
    request_.arguments.insert(request_.arguments.end(), {"--", paths_[0], paths_[1]});
    return std::move(request_);
  }

 private:
  Status TakeAll(const std::vector<std::string>& arguments) {
    request_.arguments = {"mount"};
    for (size_t i = 0; i < arguments.size(); ++i) {
      const std::string& word = arguments[i];
      if (word == "-o" || word == "-t" || word == "-N") {
        if (++i == arguments.size()) return Fail(ErrorCode::kInvalid, word + " needs a value");
        RECRYPT_TRY(TakeValue(word[1], arguments[i]));
      } else if (word.size() > 1 && word[0] == '-') {
        RECRYPT_TRY(TakeLetters(word));
      } else {
        paths_.push_back(word);
      }
    }
    return {};
  }

  Status TakeValue(char letter, const std::string& value) {
    if (letter == 'o') {
      lists_.push_back(value);
    } else if (letter == 'N') {
      return Fail(ErrorCode::kInvalid, "-N: there is no mounting into another namespace");
    } else if (value != "recryptfs" && value != "fuse.recryptfs") {
      return Fail(ErrorCode::kInvalid, "'" + value + "' is no type of file system of RecryptFS");
    }
    return {};
  }

  Status TakeLetters(const std::string& word) {
    for (const char letter : std::string_view(word).substr(1)) {
      if (letter == 's') {
        unknown_ = Unknown::kIgnored;
      } else if (letter == 'f') {
        request_.fake = true;
      } else if (letter != 'n' && letter != 'v') {
        return Fail(ErrorCode::kInvalid, "'" + word + "' is not understood");
      }
    }
    return {};
  }

  Status TakeList(std::string_view rest) {
    while (!rest.empty()) {
      const size_t comma = std::min(rest.find(','), rest.size());
      RECRYPT_TRY(TakeOption(rest.substr(0, comma)));
      rest.remove_prefix(std::min(comma + 1, rest.size()));
    }
    return {};
  }

  Status TakeOption(std::string_view option) {
    if (option.empty() || IsForOthers(option)) return {};
    if (std::find(kPassedOn.begin(), kPassedOn.end(), option) != kPassedOn.end()) {
      passed_on_ += (passed_on_.empty() ? "" : ",") + std::string(option);
      return {};
    }
    if (option.starts_with(kKeysOf)) {
      request_.keys_of = option.substr(kKeysOf.size());
      // Nobody's would be those of who runs this: root's, which was not what was meant.
      if (!request_.keys_of.empty()) return {};
      return Fail(ErrorCode::kInvalid, "keys_of needs the name of a user");
    }
    for (const Valued& valued : kValued) {
      if (!option.starts_with(valued.name)) continue;
      request_.arguments.push_back(std::string(valued.option) +
                                   std::string(option.substr(valued.name.size())));
      return {};
    }
    if (option == "remount") {
      return Fail(ErrorCode::kInvalid, "remount: unmount the share, and mount it again");
    }
    if (unknown_ == Unknown::kIgnored) return {};
    return Fail(ErrorCode::kInvalid, "'" + std::string(option) +
                                         "' is no mount option of RecryptFS; see "
                                         "mount.recryptfs(8)");
  }

  MountRequest request_;
  std::vector<std::string> paths_, lists_;
  std::string passed_on_;
  Unknown unknown_ = Unknown::kRefused;
};

Status Run(const std::vector<std::string>& arguments) {
  RECRYPT_ASSIGN(MountRequest request, RequestParser().Parse(arguments));
  if (request.fake) return {};
  if (!request.keys_of.empty()) RECRYPT_TRY(BecomeUser(request.keys_of));
  return RunAgain(std::move(request.arguments));
}

}  // namespace

Result<MountRequest> ParseMountRequest(const std::vector<std::string>& arguments) {
  return RequestParser().Parse(arguments);
}

int RunMountHelper(const std::vector<std::string>& arguments, std::ostream& err) {
  const Status done = Run(arguments);
  if (done) return 0;
  err << "mount.recryptfs: " << done.error().message << '\n';
  return static_cast<int>(ExitCodeOf(done.error()));
}

}  // namespace recrypt
