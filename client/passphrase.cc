#include "client/passphrase.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <optional>

#include "core/base/unique_fd.h"

namespace recrypt {
namespace {

constexpr size_t kMaxPassphrase = 1024;

// The first line, without its newline; what stands behind it is left unread.
Result<Secret> ReadLine(int fd) {
  Secret buffer(kMaxPassphrase + 2);
  size_t size = 0;
  while (size < buffer.size()) {
    const ssize_t got = ::read(fd, buffer.RevealMutable().data() + size, 1);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FailErrno(errno, "reading the passphrase");
    if (got == 0) break;
    size += static_cast<size_t>(got);
    if (buffer.Reveal()[size - 1] == '\n') break;
  }
  if (size > 0 && buffer.Reveal()[size - 1] == '\n') --size;
  if (size > kMaxPassphrase) {
    return Fail(ErrorCode::kInvalid, "the passphrase is longer than 1024 bytes");
  }
  return Secret::CopyOf(buffer.Reveal().first(size));
}

Result<Secret> Checked(Secret passphrase, const PassphraseRequest& request) {
  if (passphrase.empty() && request.is_new) {
    return Fail(ErrorCode::kInvalid, "the new passphrase is empty");
  }
  return passphrase;
}

// The terminal with its echo off, which is given back as it was.
class SilentTerminal {
 public:
  explicit SilentTerminal(int fd) : fd_(fd) {
    if (::tcgetattr(fd_, &before_) != 0) return;
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    changed_ = ::tcsetattr(fd_, TCSAFLUSH, &silent) == 0;
  }
  ~SilentTerminal() {
    if (changed_) ::tcsetattr(fd_, TCSAFLUSH, &before_);
  }
  SilentTerminal(const SilentTerminal&) = delete;
  SilentTerminal& operator=(const SilentTerminal&) = delete;
  bool is_silent() const { return changed_; }

 private:
  int fd_;
  termios before_{};
  bool changed_ = false;
};

void Print(int fd, std::string_view text) {
  // A prompt that cannot be written is no reason to fail.
  [[maybe_unused]] const ssize_t written = ::write(fd, text.data(), text.size());
}

class TerminalSource : public PassphraseSource {
 public:
  Result<Secret> Get(const PassphraseRequest& request) override {
    UniqueFd terminal(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY));
    if (!terminal) {
      return Fail(ErrorCode::kDenied,
                  "a passphrase is needed and there is no terminal to ask on: use "
                  "--passfile, --passfd or --passcmd");
    }
    RECRYPT_ASSIGN(Secret passphrase, Ask(terminal.get(), request.prompt));
    if (request.is_new && !passphrase.empty()) {
      RECRYPT_ASSIGN(const Secret again, Ask(terminal.get(), "The same again"));
      if (!passphrase.Equals(again)) {
        return Fail(ErrorCode::kDenied, "the two passphrases differ");
      }
    }
    return Checked(std::move(passphrase), request);
  }

 private:
  static Result<Secret> Ask(int fd, const std::string& prompt) {
    const SilentTerminal silent(fd);
    if (!silent.is_silent()) {
      return Fail(ErrorCode::kDenied, "the terminal's echo cannot be switched off");
    }
    Print(fd, prompt + ": ");
    auto passphrase = ReadLine(fd);
    Print(fd, "\n");
    return passphrase;
  }
};

class FileSource : public PassphraseSource {
 public:
  explicit FileSource(std::string path) : path_(std::move(path)) {}
  Result<Secret> Get(const PassphraseRequest& request) override {
    UniqueFd fd(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) return FailErrno(errno, "opening the passphrase file " + path_);
    RECRYPT_ASSIGN(Secret passphrase, ReadLine(fd.get()));
    return Checked(std::move(passphrase), request);
  }

 private:
  const std::string path_;
};

class DescriptorSource : public PassphraseSource {
 public:
  explicit DescriptorSource(int fd) : fd_(fd) {}
  Result<Secret> Get(const PassphraseRequest& request) override {
    if (!kept_) {
      RECRYPT_ASSIGN(kept_, ReadLine(fd_));
    }
    return Checked(kept_->Clone(), request);
  }

 private:
  const int fd_;
  std::optional<Secret> kept_;
};

class CommandSource : public PassphraseSource {
 public:
  explicit CommandSource(std::string command) : command_(std::move(command)) {}

  Result<Secret> Get(const PassphraseRequest& request) override {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return FailErrno(errno, "making a pipe");
    UniqueFd reader(ends[0]);
    UniqueFd writer(ends[1]);
    const pid_t child = ::fork();
    if (child < 0) return FailErrno(errno, "starting the passphrase command");
    if (child == 0) RunChild(writer.get());
    writer.Reset();
    auto passphrase = ReadLine(reader.get());
    Drain(reader.get());  // a command that writes more is not to be killed by a closed pipe
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
      return Fail(ErrorCode::kDenied,
                  "the passphrase command failed: run it by hand, and see that it prints a line "
                  "and exits with 0");
    }
    if (!passphrase) return passphrase;
    return Checked(std::move(*passphrase), request);
  }

 private:
  static void Drain(int fd) {
    Secret rest(512);
    while (::read(fd, rest.RevealMutable().data(), rest.size()) > 0) {
    }
  }

  [[noreturn]] void RunChild(int output) const {
    ::dup2(output, STDOUT_FILENO);
    ::execl("/bin/sh", "sh", "-c", command_.c_str(), static_cast<char*>(nullptr));
    ::_exit(127);
  }

  const std::string command_;
};

}  // namespace

std::unique_ptr<PassphraseSource> PassphraseFromTerminal() {
  return std::make_unique<TerminalSource>();
}

std::unique_ptr<PassphraseSource> PassphraseFromFile(std::string path) {
  return std::make_unique<FileSource>(std::move(path));
}

std::unique_ptr<PassphraseSource> PassphraseFromDescriptor(int fd) {
  return std::make_unique<DescriptorSource>(fd);
}

std::unique_ptr<PassphraseSource> PassphraseFromCommand(std::string command) {
  return std::make_unique<CommandSource>(std::move(command));
}

Result<std::unique_ptr<PassphraseSource>> ParsePassphraseSource(std::string_view text) {
  if (text == "prompt") return PassphraseFromTerminal();
  const size_t colon = text.find(':');
  const std::string kind(text.substr(0, colon));
  const std::string rest(colon == text.npos ? "" : text.substr(colon + 1));
  if (kind == "file" && !rest.empty()) return PassphraseFromFile(rest);
  if (kind == "command" && !rest.empty()) return PassphraseFromCommand(rest);
  if (kind == "fd") {
    int fd = -1;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), fd);
    if (error == std::errc() && end == rest.data() + rest.size() && fd >= 0) {
      return PassphraseFromDescriptor(fd);
    }
  }
  return Fail(ErrorCode::kInvalid,
              "a passphrase comes from prompt, file:PATH, fd:NUMBER or command:COMMAND");
}

}  // namespace recrypt
