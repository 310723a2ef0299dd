#include "cli/terminal.h"

#include <fcntl.h>

#include <array>
#include <cerrno>

#include "cli/output.h"
#include "core/base/unique_fd.h"

namespace recrypt {
namespace {

bool WriteAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    text.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

std::string ReadLine(int fd) {
  std::string line;
  std::array<char, 1> byte{};
  while (line.size() < 256) {
    const ssize_t got = read(fd, byte.data(), 1);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0 || byte[0] == '\n') break;
    line += byte[0];
  }
  return line;
}

}  // namespace

Result<std::string> AskLine(const std::string& question) {
  const UniqueFd terminal(open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!terminal || !WriteAll(terminal.get(), Printable(question) + " ")) {
    return Fail(ErrorCode::kDenied, "there is no terminal to ask on");
  }
  return ReadLine(terminal.get());
}

void TellOnTerminal(const std::string& text) {
  const UniqueFd terminal(open("/dev/tty", O_WRONLY | O_NOCTTY | O_CLOEXEC));
  if (terminal) WriteAll(terminal.get(), Printable(text) + "\n");
}

Result<bool> AskYesOrNo(const std::string& question) {
  RECRYPT_ASSIGN(const std::string answer, AskLine(question + " (yes/no)"));
  return answer == "yes";
}

bool TerminalTrustPrompt::Accept(const TrustQuestion& question) {
  if (silent_) return false;
  const auto answer =
      AskYesOrNo("The " + std::string(TrustSubjectName(question.subject)) + " " + question.name +
                 " is met for the first time. Its fingerprint is\n\n    " + question.udf +
                 "\n\nCompare it with what its owner tells you by another way. Is it the same?");
  return answer.value_or(false);
}

}  // namespace recrypt
