#include "client/config.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>

#include "client/discovery.h"
#include "tests/unit/client/world.h"

namespace recrypt {
namespace {

TEST(Config, ReadsEveryKey) {
  auto config = ParseConfig(R"(
deadline = 3
[dns]
servers = ["192.0.2.1", "192.0.2.2:5353"]
[service."example.com"]
address = "127.0.0.1:8443"
ca = "/etc/ca.pem"
[service."example.net"]
address = "[::1]:9443"
)",
                            "recryptfs.conf");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->deadline_ms, 3000);
  EXPECT_EQ(config->dns_servers, (std::vector<std::string>{"192.0.2.1", "192.0.2.2:5353"}));
  ASSERT_EQ(config->services.size(), 2u);
  EXPECT_EQ(config->services["example.com"].address, "127.0.0.1:8443");
  EXPECT_EQ(config->services["example.com"].ca_file, "/etc/ca.pem");
  EXPECT_EQ(config->services["example.net"].ca_file, "");
}

TEST(Config, TheManualsExampleIsOne) {
  const std::string manual = ReadText(RECRYPT_SOURCE_DIR "/man/recryptfs.conf.5");
  const std::string begin = ".Bd -literal -offset indent\n";
  const size_t from = manual.find(begin) + begin.size(), to = manual.find(".Ed", from);
  ASSERT_NE(to, std::string::npos);
  const auto config = ParseConfig(manual.substr(from, to - from), "recryptfs.conf(5)");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->deadline_ms, 5000);
  EXPECT_EQ(config->services.at("example.com").address, "recrypt.example.com:8443");
}

TEST(Config, NamesTheLineOfAnUnknownKey) {
  for (const char* text : {"\n\ncolour = 1\n", "\n[service.\"example.com\"]\naddres = \"h:1\"\n",
                           "[dns]\nservers = []\nserver = 1\n"}) {
    auto config = ParseConfig(text, "/home/a/recryptfs.conf");
    ASSERT_FALSE(config) << text;
    EXPECT_EQ(config.error().code, ErrorCode::kInvalid);
    EXPECT_NE(config.error().message.find("/home/a/recryptfs.conf:3: unknown key"),
              std::string::npos)
        << config.error().message;
  }
}

TEST(Config, NamesTheLineOfAWrongValue) {
  for (const char* text : {"\ndeadline = 0\n", "\ndeadline = \"soon\"\n", "\ndeadline = \n",
                           "[dns]\nservers = 1\n", "[dns]\nservers = [1]\n", "\nservice = 1\n",
                           "\n[service.\"example.com\"]\naddress = \"\"\n",
                           "\n[service.\"example.com\"]\naddress = \"h:0\"\n",
                           "\n[service.\"EXAMPLE.com\"]\naddress = \"h:1\"\n"}) {
    auto config = ParseConfig(text, "c");
    ASSERT_FALSE(config) << text;
    EXPECT_TRUE(config.error().message.starts_with("c:2: ")) << config.error().message;
  }
}

TEST(Config, AServiceIsAddedAndReplacedAndAllElseStays) {
  const TestFolder folder;
  const ConfigDirectory directory = ConfigDirectory::Open(folder.path()).value();
  WriteText(directory.ConfigFile(),
            "# mine\ndeadline = 4  # short\n[service.\"a.example\"]\naddress = \"a:1\"\n"
            "[dns]\nservers = [\"192.0.2.1\"]\n");
  ASSERT_TRUE(SetService(directory, "b.example", {"b:2", "/ca with \"quotes\".pem"}));
  ASSERT_TRUE(SetService(directory, "a.example", {"a:3", ""}));
  const Config config = LoadConfig(directory).value();
  EXPECT_EQ(config.services.at("a.example").address, "a:3");
  EXPECT_EQ(config.services.at("b.example").address, "b:2");
  EXPECT_EQ(config.services.at("b.example").ca_file, "/ca with \"quotes\".pem");
  EXPECT_EQ(config.deadline_ms, 4000);
  EXPECT_EQ(config.dns_servers.size(), 1u);
  EXPECT_TRUE(ReadText(directory.ConfigFile()).starts_with("# mine\ndeadline = 4  # short\n"));
}

TEST(Config, ARefusedChangeLeavesTheFileAsItWas) {
  const TestFolder folder;
  const ConfigDirectory directory = ConfigDirectory::Open(folder.path()).value();
  const std::string before = "service.\"a.example\".address = \"a:1\"\n";
  WriteText(directory.ConfigFile(), before);
  EXPECT_FALSE(SetService(directory, "a.example", {"a:2", ""}));
  EXPECT_FALSE(SetService(directory, "b.example", {"no port:x", ""}));
  EXPECT_EQ(ReadText(directory.ConfigFile()), before);
}

TEST(Config, DefaultsWithoutAFile) {
  const TestFolder folder;
  const Config config = LoadConfig(ConfigDirectory::Open(folder.path()).value()).value();
  EXPECT_TRUE(config.services.empty());
  EXPECT_EQ(config.deadline_ms, 10000);
}

TEST(ConfigDirectory, IsMadeForItsOwnerAlone) {
  const TestFolder folder;
  const std::string path = folder / "a/b";
  ASSERT_TRUE(ConfigDirectory::Open(path));
  struct stat info {};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
}

TEST(ConfigDirectory, FollowsTheEnvironment) {
  const TestFolder folder;
  ::setenv("XDG_CONFIG_HOME", folder.path().c_str(), 1);
  EXPECT_EQ(ConfigDirectory::Open()->path(), folder / "recryptfs");
  ::unsetenv("XDG_CONFIG_HOME");
  ::setenv("HOME", folder.path().c_str(), 1);
  EXPECT_EQ(ConfigDirectory::Open()->path(), folder / ".config/recryptfs");
}

TEST(ServiceHost, ParsesNamesAndAddresses) {
  EXPECT_EQ(ParseServiceHost("example.com").value(), (ServiceHost{"example.com", 443}));
  EXPECT_EQ(ParseServiceHost("127.0.0.1:8443").value(), (ServiceHost{"127.0.0.1", 8443}));
  EXPECT_EQ(ParseServiceHost("[::1]:8443").value(), (ServiceHost{"::1", 8443}));
  EXPECT_EQ(ParseServiceHost("[::1]").value(), (ServiceHost{"::1", 443}));
  for (const char* text : {"", ":1", "h:", "h:0", "h:65536", "h:1x", "[::1", "a/b:1", "a b"}) {
    EXPECT_FALSE(ParseServiceHost(text)) << text;
  }
}

}  // namespace
}  // namespace recrypt
