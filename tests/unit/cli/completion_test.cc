#include "cli/completion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace recrypt {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class Sample : public Command {
 public:
  void Declare(Options& options) override {
    options.Argument("LABEL", &text_, "The label");
    options.Arguments("FILE", &texts_, "Files", Need::kOptional);
    options.Choice("--curve", {"x25519", "p256"}, &text_, "Which curve's [keys]");
    options.Value("-o,--output", "FILE", &text_, "Where to");
    options.Flag("-f,--force", &flag_, "Don't ask");
    options.Hidden("--secret-fd", &text_);
  }
  Status Run(Context&) override { return {}; }

 private:
  std::string text_;
  std::vector<std::string> texts_;
  bool flag_ = false;
};

CompletedProgram SampleProgram() {
  const Verb verb{"thing do", "Does something", "", MakeCommand<Sample>};
  CompletedCommand shorter{"thing", "Of it", {}, {}};
  shorter.options.push_back({{"--all"}, "", "Of all", Completes::kFlag, {}});
  return {"sample", {"alias"}, {CompletedCommandOf(verb), shorter}};
}

TEST(Completion, HasTheOptionsThatTheParserHas) {
  const CompletedCommand command = SampleProgram().commands[0];
  std::vector<std::string> spellings;
  for (const CompletedOption& option : command.options) {
    spellings.push_back(Joined(option.spellings, " "));
  }
  EXPECT_THAT(spellings,
              ElementsAre("-h --help", "--curve", "-o --output", "-f --force", "--json"));
  EXPECT_EQ(command.options[0].completes, Completes::kFlag);
  EXPECT_THAT(command.options[1].choices, ElementsAre("x25519", "p256"));
  EXPECT_EQ(command.options[2].completes, Completes::kFiles);
  ASSERT_EQ(command.arguments.size(), 2u);
  EXPECT_EQ(command.arguments[0].completes, Completes::kNothing);
  EXPECT_EQ(command.arguments[1].completes, Completes::kFiles);
  EXPECT_TRUE(command.arguments[1].many);
}

TEST(Completion, IsWrittenForEachShell) {
  const CompletedProgram program = SampleProgram();
  EXPECT_THAT(BashCompletion(program), HasSubstr("complete -F _sample sample alias\n"));
  EXPECT_THAT(BashCompletion(program), HasSubstr("--curve) kind=value-none words='x25519 p256'"));
  EXPECT_THAT(ZshCompletion(program), HasSubstr("#compdef sample alias\n"));
  EXPECT_THAT(
      ZshCompletion(program),
      HasSubstr(R"('(--curve)--curve=[Which curve'\''s \[keys\]]:x25519|p256:(x25519 p256)')"));
  EXPECT_THAT(FishCompletion(program), HasSubstr(R"(-s f -l force -d 'Don\'t ask')"));
  EXPECT_THAT(FishCompletion(program),
              HasSubstr("-n '__sample_on thing; and not __sample_on thing do' -l all"));
  for (const std::string& text :
       {BashCompletion(program), ZshCompletion(program), FishCompletion(program)}) {
    EXPECT_THAT(text, Not(HasSubstr("secret-fd")));
  }
}

}  // namespace
}  // namespace recrypt
