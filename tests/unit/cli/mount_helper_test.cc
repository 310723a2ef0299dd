#include "cli/mount_helper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace recrypt {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(MountHelper, MakesAMountOfWhatMountGivesIt) {
  const auto request = ParseMountRequest(
      {"/srv/share", "/mnt", "-n", "-o",
       "rw,nofail,_netdev,x-systemd.automount,keys_of=alice,noatime,label=A#x.test,passfile=/p"});
  ASSERT_TRUE(request);
  EXPECT_EQ(request->keys_of, "alice");
  EXPECT_FALSE(request->fake);
  EXPECT_THAT(request->arguments, ElementsAre("mount", "--label=A#x.test", "--passfile=/p", "-o",
                                              "rw,noatime", "--", "/srv/share", "/mnt"));
}

TEST(MountHelper, IsContentWithoutOptions) {
  const auto request = ParseMountRequest({"share", "-t", "fuse.recryptfs", "point", "-fv"});
  ASSERT_TRUE(request);
  EXPECT_TRUE(request->fake);
  EXPECT_EQ(request->keys_of, "");
  EXPECT_THAT(request->arguments, ElementsAre("mount", "--", "share", "point"));
}

std::string Refusal(const std::vector<std::string>& arguments) {
  const auto request = ParseMountRequest(arguments);
  EXPECT_FALSE(request);
  if (request) return "";
  EXPECT_EQ(request.error().code, ErrorCode::kInvalid);
  return request.error().message;
}

TEST(MountHelper, NamesTheOptionThatItDoesNotKnow) {
  EXPECT_THAT(Refusal({"s", "m", "-o", "ro,blocksize=4"}), HasSubstr("'blocksize=4'"));
  EXPECT_THAT(Refusal({"s", "m", "-o", "remount,ro"}), HasSubstr("unmount the share"));
  EXPECT_THAT(Refusal({"s", "m", "-q"}), HasSubstr("'-q'"));
  EXPECT_THAT(Refusal({"s", "m", "-t", "ext4"}), HasSubstr("'ext4'"));
  EXPECT_THAT(Refusal({"s", "m", "-N", "1"}), HasSubstr("namespace"));
  EXPECT_THAT(Refusal({"s", "m", "-o"}), HasSubstr("-o needs a value"));
  EXPECT_THAT(Refusal({"s", "m", "-o", "keys_of="}), HasSubstr("keys_of"));
  for (const std::vector<std::string>& paths :
       {std::vector<std::string>{}, {"s"}, {"s", "m", "x"}}) {
    EXPECT_THAT(Refusal(paths), HasSubstr("usage: "));
  }
  EXPECT_TRUE(ParseMountRequest({"s", "m", "-s", "-o", "ro,blocksize=4"}));
}

TEST(MountHelper, ReturnsTheExitCodeOfRecryptfs) {
  std::ostringstream err;
  EXPECT_EQ(RunMountHelper({"s", "m", "-o", "frobnicate"}, err), 2);
  EXPECT_THAT(err.str(), HasSubstr("mount.recryptfs: 'frobnicate' is no mount option"));
  EXPECT_EQ(RunMountHelper({"s", "m", "-o", "keys_of=no:such:user"}, err), 3);
  EXPECT_EQ(RunMountHelper({"s", "m", "-f"}, err), 0);
}

}  // namespace
}  // namespace recrypt
