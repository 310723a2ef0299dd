#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <sstream>

#include "cli/command.h"
#include "cli/exit_codes.h"

namespace recrypt {
namespace {

using testing::HasSubstr;

std::string Manual() {
  std::ostringstream text;
  text << std::ifstream(RECRYPT_SOURCE_DIR "/man/recryptfs.1").rdbuf();
  return text.str();
}

TEST(Manual, HasTheTableOfExitCodes) {
  const std::string manual = Manual();
  for (const ExitCodeMeaning& row : ExitCodes()) {
    const auto code = std::to_string(static_cast<int>(row.code));
    EXPECT_THAT(manual, HasSubstr(".It " + code + "\n" + std::string(row.meaning) + "\n"));
  }
}

TEST(Manual, DescribesEveryVerbAndEveryOption) {
  const std::string manual = Manual();
  for (const Verb& verb : Verbs()) {
    EXPECT_THAT(manual, HasSubstr(".It Cm " + std::string(verb.words))) << verb.words;
    std::istringstream words{std::string(verb.words)};
    std::vector<std::string> arguments{std::istream_iterator<std::string>(words), {}};
    arguments.push_back("--help");
    std::ostringstream out, err;
    RunCommandLine(Verbs(), arguments, out, err);
    const std::string help = out.str();
    const std::regex option("^ +(-[a-z],)?--([a-z-]+)", std::regex::multiline);
    for (std::sregex_iterator found(help.begin(), help.end(), option), end; found != end; ++found) {
      const std::string name = (*found)[2].str();
      EXPECT_TRUE(std::regex_search(manual, std::regex("Fl Fl " + name + "\\b")))
          << verb.words << " --" << name;
    }
  }
}

}  // namespace
}  // namespace recrypt
