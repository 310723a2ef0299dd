#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
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

// The pages of recryptfs by name: "recryptfs", "recryptfs-label", …
std::map<std::string, std::string> Pages() {
  std::map<std::string, std::string> pages;
  for (const auto& entry : std::filesystem::directory_iterator(RECRYPT_SOURCE_DIR "/man")) {
    const std::string name = entry.path().stem();
    if (entry.path().extension() != ".1" || !name.starts_with("recryptfs")) continue;
    std::ostringstream text;
    text << std::ifstream(entry.path()).rdbuf();
    pages[name] = text.str();
  }
  return pages;
}

std::string Overview() { return Pages().at("recryptfs"); }

TEST(Manual, HasTheTableOfExitCodes) {
  const std::string manual = Overview();
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

// Of each option all its spellings: "-o" and "--output".
std::vector<std::set<std::string>> AllOptionsOf(const Verb& verb) {
  std::vector<std::set<std::string>> options;
  const std::string help = HelpOf(verb);
  const std::regex line("^  (-[A-Za-z])?,?(--[a-z-]+)?", std::regex::multiline);
  for (std::sregex_iterator found(help.begin(), help.end(), line), end; found != end; ++found) {
    std::set<std::string> spellings;
    for (int i : {1, 2}) {
      if ((*found)[i].matched) spellings.insert((*found)[i].str());
    }
    if (!spellings.empty()) options.push_back(std::move(spellings));
  }
  return options;
}

// Without those that every verb has, and the passphrase options: recryptfs(1) has them.
std::vector<std::set<std::string>> OptionsOf(const Verb& verb) {
  const std::set<std::string> elsewhere = {"--help", "--json", "--passfile", "--passfd",
                                           "--passcmd"};
  auto options = AllOptionsOf(verb);
  std::erase_if(options, [&](const auto& spellings) {
    return std::any_of(spellings.begin(), spellings.end(),
                       [&](const auto& each) { return elsewhere.contains(each); });
  });
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

// The entries of a page's synopsis by verb.
std::map<std::string, std::string> Synopsis(const std::string& page) {
  const size_t from = page.find(".Sh SYNOPSIS"), to = page.find(".Sh DESCRIPTION");
  std::istringstream lines(page.substr(from, to - from));
  std::map<std::string, std::string> entries;
  std::vector<std::string> verbs;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(".Nm")) verbs.clear();
    if (line.starts_with(".Cm ") && verbs.empty()) verbs = VerbsIn(line.substr(4));
    for (const std::string& verb : verbs) entries[verb] += line + "\n";
  }
  return entries;
}

// The verbs of each page, as its synopsis has them.
std::map<std::string, std::vector<const Verb*>> VerbsByPage() {
  std::map<std::string, std::vector<const Verb*>> by_page;
  for (const auto& [name, text] : Pages()) {
    if (name == "recryptfs") continue;
    const auto synopsis = Synopsis(text);
    for (const Verb& verb : Verbs()) {
      if (synopsis.contains(std::string(verb.words))) by_page[name].push_back(&verb);
    }
  }
  return by_page;
}

std::string Body(const std::string& page) { return page.substr(page.find(".Sh DESCRIPTION")); }

// What a page says of a verb: from where it begins on; options may stand behind a group of verbs.
std::string From(const std::string& page, const Verb& verb) {
  const size_t at = page.find(".It Cm " + std::string(verb.words));
  return at == std::string::npos ? "" : page.substr(at);
}

TEST(Manual, HasEveryVerbOnOnePage) {
  std::map<std::string_view, int> pages;
  for (const auto& [name, verbs] : VerbsByPage()) {
    for (const Verb* verb : verbs) ++pages[verb->words];
  }
  for (const Verb& verb : Verbs()) EXPECT_EQ(pages[verb.words], 1) << verb.words;
}

TEST(Manual, LeadsFromTheOverviewToEachPageAndBack) {
  const std::string overview = Overview();
  for (const auto& [name, text] : Pages()) {
    if (name == "recryptfs") continue;
    EXPECT_THAT(overview, HasSubstr(".It Xr " + name + " 1\n"));
    EXPECT_THAT(overview.substr(overview.find(".Sh SEE ALSO")), HasSubstr(".Xr " + name + " 1"));
    EXPECT_THAT(text, HasSubstr(".Xr recryptfs 1")) << name;
  }
}

TEST(Manual, DescribesEveryVerbAndEveryOptionOnThePageOfTheVerb) {
  const auto pages = Pages();
  for (const auto& [name, verbs] : VerbsByPage()) {
    for (const Verb* verb : verbs) {
      const std::string said = From(Body(pages.at(name)), *verb);
      EXPECT_FALSE(said.empty()) << name << " does not describe " << verb->words;
      for (const auto& option : OptionsOf(*verb)) {
        const std::string& longest = *option.begin();  // "--output" is before "-o"
        const bool is_long = longest.starts_with("--");
        const std::regex flag("Fl " + (is_long ? "Fl " + longest.substr(2) : longest.substr(1)) +
                              "\\b");
        EXPECT_TRUE(longest == "--no-passphrase" || std::regex_search(said, flag))
            << name << ": " << verb->words << " " << longest;
      }
    }
  }
}

TEST(Manual, HasTheOptionsOfEachVerbInItsSynopsisAndNoOthers) {
  const auto pages = Pages();
  for (const auto& [name, verbs] : VerbsByPage()) {
    const auto synopsis = Synopsis(pages.at(name));
    for (const Verb* verb : verbs) {
      std::set<std::string> shown = OptionsIn(synopsis.at(std::string(verb->words)));
      for (const auto& option : OptionsOf(*verb)) {
        bool any = false;
        for (const std::string& spelling : option) any = shown.erase(spelling) > 0 || any;
        EXPECT_TRUE(any) << verb->words << ": its synopsis lacks " << *option.rbegin();
      }
      for (const std::string& left : shown) {
        EXPECT_TRUE(left.empty()) << verb->words << ": it has no option " << left;
      }
    }
  }
}

// In `.It Fl …`, an option is described: one of a command of the page. Elsewhere a page may speak
// of any command's.
TEST(Manual, NamesNoOptionThatTheProgramHasNot) {
  const auto pages = Pages();
  std::set<std::string> all = {"--help", "-h", "--json", "--version", "-V"};
  std::map<std::string, std::set<std::string>> by_page;
  for (const auto& [name, verbs] : VerbsByPage()) {
    for (const Verb* verb : verbs) {
      for (const auto& option : AllOptionsOf(*verb))
        by_page[name].insert(option.begin(), option.end());
    }
    all.insert(by_page[name].begin(), by_page[name].end());
  }
  by_page["recryptfs"] = all;
  for (const auto& [name, text] : pages) {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      const auto& known = line.starts_with(".It Fl") ? by_page[name] : all;
      for (const std::string& option : OptionsIn(line)) {
        EXPECT_TRUE(known.contains(option)) << name << ": " << option << " in: " << line;
      }
    }
  }
}

TEST(Manual, HasTheOptionsOfAllCommandsInTheOverview) {
  const std::string options = Overview().substr(Overview().find(".Sh OPTIONS"));
  for (const std::string option :
       {"help", "json", "passfile", "passfd", "passcmd", "no-passphrase"}) {
    EXPECT_TRUE(std::regex_search(options, std::regex("\\.It Fl (h , Fl Fl )?(Fl )?" + option)))
        << option;
  }
  for (const auto& [name, verbs] : VerbsByPage()) {
    EXPECT_THAT(Pages().at(name), HasSubstr("passphrase options")) << name;
  }
}

TEST(Help, HasExamplesWhoseOptionsThereAre) {
  for (const Verb& verb : Verbs()) {
    const std::string example(verb.example);
    std::set<std::string> known;
    for (const auto& option : AllOptionsOf(verb)) known.insert(option.begin(), option.end());
    const std::regex flag("\\s(-[a-z]|--[a-z-]+)(?![a-z-])");
    for (std::sregex_iterator found(example.begin(), example.end(), flag), end; found != end;
         ++found) {
      EXPECT_TRUE(known.contains((*found)[1].str())) << verb.words << ": " << (*found)[1].str();
    }
  }
}

}  // namespace
}  // namespace recrypt
