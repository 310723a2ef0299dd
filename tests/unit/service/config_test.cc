#include "service/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

namespace recrypt {
namespace {

std::string Page(const std::string& name) {
  std::ostringstream text;
  text << std::ifstream(RECRYPT_SOURCE_DIR "/man/" + name).rdbuf();
  return text.str();
}

// What the page says of each setting, by its name.
std::map<std::string, std::string> Items(const std::string& page) {
  std::map<std::string, std::string> items;
  std::istringstream lines(page);
  std::string name;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(".It Ic ")) name = line.substr(7, line.find(' ', 7) - 7);
    if (line == ".El") name.clear();
    if (!name.empty()) items[name] += line + "\n";
  }
  return items;
}

TEST(ServiceConfig, TheManualHasEverySettingAndNoOther) {
  auto items = Items(Page("recryptd.conf.5"));
  for (const Setting& setting : Settings()) {
    const auto item = items.find(std::string(setting.name));
    if (item == items.end()) {
      ADD_FAILURE() << setting.name << " is missing";
      continue;
    }
    const bool reloads = item->second.find("(reload)") != std::string::npos;
    EXPECT_EQ(reloads, setting.effect == Setting::Effect::kReload) << setting.name;
    std::istringstream choices{std::string(setting.choices)};
    for (std::string choice; std::getline(choices, choice, '|');) {
      EXPECT_THAT(item->second, testing::ContainsRegex("[ \n]" + choice + "[ \n]")) << setting.name;
    }
    items.erase(item);
  }
  for (const auto& [name, text] : items) ADD_FAILURE() << "there is no setting " << name;
}

TEST(ServiceConfig, TheManualsExampleIsOne) {
  const std::string page = Page("recryptd.conf.5");
  const std::string begin = ".Bd -literal -offset indent\n";
  const size_t from = page.find(begin) + begin.size();
  const std::string path =
      std::filesystem::temp_directory_path() / ("config-example-" + std::to_string(::getpid()));
  std::ofstream(path) << page.substr(from, page.find(".Ed", from) - from);
  const auto config = LoadConfig(path, ServerConfig());
  std::filesystem::remove(path);
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_TRUE(CheckConfig(*config));
  EXPECT_EQ(config->domain, "example.com");
}

}  // namespace
}  // namespace recrypt
