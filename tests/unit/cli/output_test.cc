#include "cli/output.h"

#include <gtest/gtest.h>

#include <sstream>

#include "cli/exit_codes.h"

namespace recrypt {
namespace {

struct Captured {
  std::ostringstream out, err;
};

TEST(Output, TextGoesToPeopleAndJsonToPrograms) {
  for (const bool json : {false, true}) {
    Captured to;
    Output output(to.out, to.err, json ? OutputForm::kJson : OutputForm::kText);
    output.Line("a line");
    output.Note("a note");
    output.Object({{"key", 1}});
    EXPECT_EQ(to.out.str(), json ? "{\"key\":1}\n" : "a line\n");
    EXPECT_EQ(to.err.str(), json ? "" : "a note\n");
  }
}

TEST(Output, AFailureIsASentenceOrAnObject) {
  const Error error{ErrorCode::kNotFound, "there is no label \"A#x\"", 0};
  Captured text, json;
  Output(text.out, text.err, OutputForm::kText).Failure(error);
  Output(json.out, json.err, OutputForm::kJson).Failure(error);
  EXPECT_EQ(text.err.str(), "recryptfs: there is no label \"A#x\"\n");
  EXPECT_EQ(json.err.str(), "{\"error\":{\"advice\":\"" + std::string(AdviceOn(error)) +
                                "\",\"code\":\"not-found\",\"exit\":3,\"message\":"
                                "\"there is no label \\\"A#x\\\"\"}}\n");
  EXPECT_EQ(text.out.str() + json.out.str(), "");
}

TEST(Output, ColumnsAreAsWideAsTheirWidestCell) {
  Table table({"LABEL", "LEASE"});
  EXPECT_TRUE(table.empty());
  table.Row({"Übersicht#example.com", "15 min"});
  table.Row({"A#b.c", "4 s"});
  EXPECT_EQ(table.text(),
            "LABEL                  LEASE\n"
            "Übersicht#example.com  15 min\n"
            "A#b.c                  4 s\n");
}

TEST(Output, PaintsOnlyWhereItMay) {
  Table table({"LABEL", "LEASE"});
  table.Row({"A#b.c", "4 s"});
  for (const bool may : {false, true}) {
    Captured to;
    Output output(to.out, to.err, OutputForm::kText, {may, may});
    output.Lines(table);
    output.Failure({ErrorCode::kIo, "it failed", 0});
    EXPECT_EQ(to.out.str().find('\033') != std::string::npos, may);
    EXPECT_EQ(to.err.str().find('\033') != std::string::npos, may);
  }
}

TEST(Output, NothingIsPaintedWhenNobodyWantsIt) {
  ::setenv("TERM", "xterm", 1);
  ::setenv("NO_COLOR", "1", 1);
  const Colours unwanted = Colours::OfThisProcess();
  EXPECT_FALSE(unwanted.out || unwanted.err);
  ::unsetenv("NO_COLOR");
}

TEST(Output, TerminalControlsInNamesAreNotPassedOn) {
  EXPECT_EQ(Printable("a\033[31mb\x7F\r"), "a?[31mb??");
  EXPECT_EQ(Printable("\xC2\x9B"
                      "31m"),
            "??31m");
  EXPECT_EQ(Printable("tab\tnewline\nümläut é"), "tab\tnewline\nümläut é");
}

TEST(Output, SaysWhenItCouldNotWriteAll) {
  std::ostringstream err;
  std::ostream broken(nullptr);
  Output output(broken, err, OutputForm::kText);
  output.Line("lost");
  EXPECT_FALSE(output.Flush());
}

}  // namespace
}  // namespace recrypt
