#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <regex>
#include <set>
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
    std::string stands = ".It " + code + "\n" + std::string(row.meaning) + "\n";
    if (!row.advice.empty()) stands += ".br\n" + std::string(row.advice) + "\n";
    EXPECT_THAT(manual, HasSubstr(stands));
  }
}

std::string HelpOf(const Verb& verb) {
  std::istringstream words{std::string(verb.words)};
  std::vector<std::string> arguments{std::istream_iterator<std::string>(words), {}};
  arguments.push_back("--help");
  std::ostringstream out, err;
  RunCommandLine(Verbs(), arguments, out, err);
  return out.str();
}

// Of each option all its spellings: "-o" and "--output". Not those that every verb has, and not the
// passphrase options, which stand in a place of their own.
std::vector<std::set<std::string>> OptionsOf(const Verb& verb) {
  const std::set<std::string> elsewhere = {"--help", "--json", "--passfile", "--passfd",
                                           "--passcmd"};
  std::vector<std::set<std::string>> options;
  const std::string help = HelpOf(verb);
  const std::regex line("^  (-[A-Za-z])?,?(--[a-z-]+)?", std::regex::multiline);
  for (std::sregex_iterator found(help.begin(), help.end(), line), end; found != end; ++found) {
    std::set<std::string> spellings;
    for (int i : {1, 2}) {
      if ((*found)[i].matched) spellings.insert((*found)[i].str());
    }
    const bool is_elsewhere =
        std::any_of(spellings.begin(), spellings.end(),
                    [&](const auto& each) { return elsewhere.contains(each); });
    if (!spellings.empty() && !is_elsewhere) options.push_back(std::move(spellings));
  }
  return options;
}

// The options in a piece of mdoc: "Fl Fl output" is --output, "Fl rf" -r and -f.
std::set<std::string> OptionsIn(const std::string& mdoc) {
  std::set<std::string> options;
  const std::regex flag("\\bFl (Fl )?([A-Za-z][a-z-]*)");
  for (std::sregex_iterator found(mdoc.begin(), mdoc.end(), flag), end; found != end; ++found) {
    const std::string name = (*found)[2].str();
    if ((*found)[1].matched) {
      options.insert("--" + name);
    } else if (name != "Ar") {
      for (const char letter : name) options.insert(std::string("-") + letter);
    }
  }
  return options;
}

// "label show | members" is two.
std::vector<std::string> VerbsIn(const std::string& text) {
  std::istringstream stream(text);
  const std::vector<std::string> words{std::istream_iterator<std::string>(stream), {}};
  const auto bar = std::find(words.begin(), words.end(), "|");
  if (bar == words.end()) return {text};
  std::string before;
  for (auto word = words.begin(); word + 1 != bar; ++word) before += *word + " ";
  std::vector<std::string> verbs;
  for (auto word = bar - 1; word < words.end(); word += 2) verbs.push_back(before + *word);
  return verbs;
}

// The entries of the synopsis by verb.
std::map<std::string, std::string> Synopsis() {
  const std::string manual = Manual();
  const size_t from = manual.find(".Sh SYNOPSIS"), to = manual.find(".Sh DESCRIPTION");
  std::istringstream lines(manual.substr(from, to - from));
  std::map<std::string, std::string> entries;
  std::vector<std::string> verbs;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(".Nm")) verbs.clear();
    if (line.starts_with(".Cm ") && verbs.empty()) verbs = VerbsIn(line.substr(4));
    for (const std::string& verb : verbs) entries[verb] += line + "\n";
  }
  return entries;
}

TEST(Manual, DescribesEveryVerbAndEveryOption) {
  const std::string manual = Manual();
  for (const Verb& verb : Verbs()) {
    EXPECT_THAT(manual, HasSubstr(".It Cm " + std::string(verb.words))) << verb.words;
    for (const auto& option : OptionsOf(verb)) {
      for (const std::string& spelling : option) {
        if (!spelling.starts_with("--")) continue;
        EXPECT_TRUE(std::regex_search(manual, std::regex("Fl Fl " + spelling.substr(2) + "\\b")))
            << verb.words << " " << spelling;
      }
    }
  }
}

TEST(Manual, HasTheOptionsOfEachVerbInItsSynopsisAndNoOthers) {
  const auto synopsis = Synopsis();
  for (const Verb& verb : Verbs()) {
    const auto entry = synopsis.find(std::string(verb.words));
    if (entry == synopsis.end()) {
      ADD_FAILURE() << verb.words << " is not in the synopsis";
      continue;
    }
    std::set<std::string> shown = OptionsIn(entry->second);
    for (const auto& option : OptionsOf(verb)) {
      bool any = false;
      for (const std::string& spelling : option) any = shown.erase(spelling) > 0 || any;
      EXPECT_TRUE(any) << verb.words << ": its synopsis lacks " << *option.rbegin();
    }
    for (const std::string& left : shown) {
      EXPECT_TRUE(left.empty()) << verb.words << ": it has no option " << left;
    }
  }
}

}  // namespace
}  // namespace recrypt
