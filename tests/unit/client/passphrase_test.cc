#include "client/passphrase.h"

#include <gtest/gtest.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/client/world.h"

namespace recrypt {
namespace {

// In a process whose terminal is a new one; exits with 0 when the passphrase is "sesame".
[[noreturn]] void AskOnTerminal(bool is_new) {
  auto passphrase = PassphraseFromTerminal()->Get({"Passphrase", is_new});
  ::_exit(passphrase && AsText(passphrase->Reveal()) == "sesame" ? 0 : 1);
}

struct Asked {
  int exit_code = -1;
  std::string shown;
};

// Types each answer when the terminal shows a prompt.
Asked TypeAt(std::vector<std::string> answers, bool is_new) {
  int terminal = -1;
  const pid_t child = ::forkpty(&terminal, nullptr, nullptr, nullptr);
  if (child == 0) AskOnTerminal(is_new);
  Asked asked;
  size_t seen = 0;
  char buffer[256];
  for (ssize_t got = 0; (got = ::read(terminal, buffer, sizeof(buffer))) > 0;) {
    asked.shown.append(buffer, static_cast<size_t>(got));
    const size_t prompt = asked.shown.find(": ", seen);
    if (prompt == std::string::npos || answers.empty()) continue;
    seen = prompt + 2;
    const std::string line = answers.front() + "\n";
    answers.erase(answers.begin());
    EXPECT_EQ(::write(terminal, line.data(), line.size()), static_cast<ssize_t>(line.size()));
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ::close(terminal);
  asked.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return asked;
}

TEST(Passphrase, IsAskedOnTheTerminalWithoutEcho) {
  const Asked asked = TypeAt({"sesame"}, false);
  EXPECT_EQ(asked.exit_code, 0);
  EXPECT_NE(asked.shown.find("Passphrase: "), std::string::npos) << asked.shown;
  EXPECT_EQ(asked.shown.find("sesame"), std::string::npos) << asked.shown;
}

TEST(Passphrase, ANewOneIsAskedTwiceAndHasToBeTheSame) {
  EXPECT_EQ(TypeAt({"sesame", "sesame"}, true).exit_code, 0);
  EXPECT_EQ(TypeAt({"sesame", "barley"}, true).exit_code, 1);
}

TEST(Passphrase, ComesFromAFileWithoutItsNewline) {
  const TestFolder folder;
  WriteText(folder / "pass", "open sesame\n");
  auto source = ParsePassphraseSource("file:" + (folder / "pass")).value();
  const Secret passphrase = source->Get({"", true}).value();
  EXPECT_EQ(AsText(passphrase.Reveal()), "open sesame");
}

TEST(Passphrase, ComesFromADescriptorAgainAndAgain) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  ASSERT_EQ(::write(ends[1], "sesame\n", 7), 7);
  ::close(ends[1]);
  auto source = ParsePassphraseSource("fd:" + std::to_string(ends[0])).value();
  EXPECT_EQ(AsText(source->Get({"", false})->Reveal()), "sesame");
  EXPECT_EQ(AsText(source->Get({"", false})->Reveal()), "sesame");
  ::close(ends[0]);
}

TEST(Passphrase, ComesFromACommandThatSucceeds) {
  auto good = ParsePassphraseSource("command:printf 'open %s' sesame").value();
  EXPECT_EQ(AsText(good->Get({"", false})->Reveal()), "open sesame");
  auto bad = ParsePassphraseSource("command:echo x; exit 3").value();
  EXPECT_EQ(bad->Get({"", false}).error().code, ErrorCode::kDenied);
}

TEST(Passphrase, EmptyOrTooLongIsRefused) {
  const TestFolder folder;
  WriteText(folder / "empty", "\n");
  WriteText(folder / "long", std::string(1025, 'x'));
  auto empty = PassphraseFromFile(folder / "empty");
  EXPECT_EQ(empty->Get({"", true}).error().code, ErrorCode::kInvalid);
  EXPECT_TRUE(empty->Get({"", false}));
  auto too_long = PassphraseFromFile(folder / "long");
  EXPECT_EQ(too_long->Get({"", false}).error().code, ErrorCode::kInvalid);
  EXPECT_EQ(PassphraseFromFile(folder / "none")->Get({"", false}).error().code,
            ErrorCode::kNotFound);
}

TEST(Passphrase, IsTheFirstLineWhereThereAreMore) {
  const TestFolder folder;
  WriteText(folder / "lines", "first\nsecond\n");
  auto file = ParsePassphraseSource("file:" + (folder / "lines")).value();
  EXPECT_EQ(AsText(file->Get({"", false})->Reveal()), "first");
  auto command = ParsePassphraseSource("command:echo first; seq 100000").value();
  EXPECT_EQ(AsText(command->Get({"", false})->Reveal()), "first");
}

TEST(Passphrase, IsNeverAnArgument) {
  for (const char* text : {"sesame", "pass:sesame", "fd:x", "fd:-1", "file:", ""}) {
    EXPECT_FALSE(ParsePassphraseSource(text)) << text;
  }
}

}  // namespace
}  // namespace recrypt
