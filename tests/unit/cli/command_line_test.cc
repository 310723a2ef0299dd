#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <set>
#include <sstream>

#include "cli/command.h"
#include "cli/exit_codes.h"

namespace recrypt {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class Echo : public Command {
 public:
  void Declare(Options& options) override {
    options.Argument("LABEL", &label_, "The label");
    options.Arguments("FILE", &files_, "The files", Need::kOptional);
    options.Value("-o,--output", "FILE", &output_, "Where to");
    options.Values("--with", "WORD", &with_, "More words");
    options.Choice("--curve", {"x25519", "p256"}, &curve_, "The curve");
    options.Flag("-r,--recursive", &recursive_, "Folders too");
  }
  Status Run(Context& context) override {
    if (label_ == "missing") return Fail(ErrorCode::kNotFound, "there is no 'missing'");
    std::string text = label_;
    for (const auto& file : files_) text += " " + file;
    for (const auto& word : with_) text += " with " + word;
    text += " " + output_ + " " + curve_ + (recursive_ ? " -r" : "");
    context.out.Line(text);
    context.out.Object({{"label", label_}});
    return {};
  }

 private:
  std::string label_, output_, curve_ = "x25519";
  std::vector<std::string> files_, with_;
  bool recursive_ = false;
};

constexpr std::array kVerbs = {
    Verb{"echo", "Says it again", "recryptfs echo A#b.c", MakeCommand<Echo>},
    Verb{"label create", "Makes a label", "recryptfs label create A#b.c", MakeCommand<Echo>},
};

struct Ran {
  int code;
  std::string out, err;
};
Ran RunLine(std::vector<std::string> arguments, std::span<const Verb> verbs = kVerbs) {
  std::ostringstream out, err;
  const int code = RunCommandLine(verbs, std::move(arguments), out, err);
  return {code, out.str(), err.str()};
}

TEST(CommandLine, OptionsMayStandAnywhere) {
  EXPECT_EQ(RunLine({"echo", "-r", "L", "a", "-o", "out", "b", "--curve", "p256"}).out,
            "L a b out p256 -r\n");
  EXPECT_EQ(RunLine({"echo", "--with", "x", "L", "--with", "y", "-"}).out,
            "L - with x with y  x25519\n");
  EXPECT_EQ(RunLine({"label", "create", "L"}).out, "L  x25519\n");
}

TEST(CommandLine, TwoDashesEndTheOptions) {
  EXPECT_EQ(RunLine({"echo", "L", "--", "-r", "--json"}).out, "L -r --json  x25519\n");
}

TEST(CommandLine, AFileMayBeCalledLikeAVerb) {
  EXPECT_EQ(RunLine({"echo", "L", "echo", "label"}).out, "L echo label  x25519\n");
}

TEST(CommandLine, JsonIsAnOptionOfEveryVerb) {
  EXPECT_EQ(RunLine({"echo", "L", "--json"}).out, "{\"label\":\"L\"}\n");
  const Ran refused = RunLine({"echo", "missing", "--json"});
  EXPECT_EQ(refused.code, 3);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("{\"error\":{"), HasSubstr("\"code\":\"not-found\"")));
}

TEST(CommandLine, AFailureSaysWhatHappenedAndWhatToDo) {
  const Ran failed = RunLine({"echo", "missing"});
  EXPECT_EQ(failed.code, 3);
  EXPECT_EQ(failed.err, "recryptfs: there is no 'missing'\n  " +
                            std::string(AdviceOn({ErrorCode::kNotFound, "", 0})) + "\n");
  const Ran json = RunLine({"echo", "missing", "--json"});
  EXPECT_THAT(json.err, HasSubstr("\"advice\":\"see what the message says is missing"));
  EXPECT_THAT(json.err, HasSubstr("\"exit\":3"));
}

TEST(CommandLine, MistakesAreUsageErrorsThatSayWhereToLook) {
  const std::vector<std::vector<std::string>> mistakes = {{},
                                                          {"ehco"},
                                                          {"label"},
                                                          {"label", "craete"},
                                                          {"echo"},
                                                          {"echo", "L", "--nonsense"},
                                                          {"echo", "L", "--curve", "p384"},
                                                          {"echo", "L", "-o"}};
  for (const auto& arguments : mistakes) {
    const Ran ran = RunLine(arguments);
    EXPECT_EQ(ran.code, 2) << ran.err;
    EXPECT_EQ(ran.out, "");
    EXPECT_THAT(ran.err, testing::StartsWith("recryptfs: "));
    EXPECT_THAT(ran.err, HasSubstr("--help"));
  }
}

TEST(CommandLine, HelpAndVersionAreNoMistakes) {
  const Ran help = RunLine({"--help"});
  EXPECT_EQ(help.code, 0);
  EXPECT_THAT(help.out, HasSubstr("label create"));
  const Ran version = RunLine({"--version"});
  EXPECT_EQ(version.code, 0);
  EXPECT_THAT(version.out, HasSubstr("OpenSSL"));
  EXPECT_EQ(RunLine({"label", "--help"}).code, 0);
}

TEST(CommandLine, EveryVerbHasAShortHelpWithAnExampleOfItself) {
  std::set<std::string_view> seen;
  for (const Verb& verb : Verbs()) {
    EXPECT_TRUE(seen.insert(verb.words).second) << verb.words << " twice";
    std::vector<std::string> arguments;
    std::istringstream words{std::string(verb.words)};
    for (std::string word; words >> word;) arguments.push_back(word);
    arguments.push_back("--help");
    const Ran ran = RunLine(arguments, Verbs());
    EXPECT_EQ(ran.code, 0) << verb.words;
    EXPECT_THAT(ran.out, HasSubstr("recryptfs " + std::string(verb.words)));
    EXPECT_THAT(ran.out, HasSubstr("Example:\n  " + std::string(verb.example)));
    EXPECT_LE(std::count(ran.out.begin(), ran.out.end(), '\n'), 32) << verb.words;
  }
}

TEST(ExitCodes, StandInTheTableOnceEachAndCoverAllErrors) {
  int last = -1;
  for (const ExitCodeMeaning& row : ExitCodes()) {
    EXPECT_GT(static_cast<int>(row.code), last);
    last = static_cast<int>(row.code);
  }
  EXPECT_EQ(last, 13);
  EXPECT_EQ(ExitCodeOf({ErrorCode::kDenied, "", 0}), ExitCode::kDenied);
  EXPECT_EQ(ExitCodeOf({ErrorCode::kForbidden, "", 0}), ExitCode::kForbidden);
  EXPECT_EQ(ExitCodeOf({ErrorCode::kIo, "", 28}), ExitCode::kFailed);
}

}  // namespace
}  // namespace recrypt
