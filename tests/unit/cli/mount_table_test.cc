#include "cli/mount_table.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

namespace recrypt {
namespace {

TEST(ParseMountInfo, ReadsWhatTheKernelWrites) {
  const auto mounts = ParseMountInfo(
      "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro\n"
      "90 22 0:44 / /home/a/my\\040work rw,nosuid,nodev - fuse.recryptfs /srv/a\\134b "
      "rw,user_id=1000,group_id=1000\n");
  ASSERT_EQ(mounts.size(), 2u);
  EXPECT_EQ(mounts[0].mountpoint, "/");
  EXPECT_EQ(mounts[0].type, "ext4");
  EXPECT_EQ(mounts[1].mountpoint, "/home/a/my work");
  EXPECT_EQ(mounts[1].source, "/srv/a\\b");
  EXPECT_EQ(mounts[1].type, "fuse.recryptfs");
  EXPECT_EQ(mounts[1].device, "0:44");
  EXPECT_EQ(mounts[1].options, "rw,nosuid,nodev,rw,user_id=1000,group_id=1000");
}

TEST(ParseMountInfo, PassesOverWhatItDoesNotUnderstand) {
  EXPECT_TRUE(ParseMountInfo("").empty());
  EXPECT_TRUE(ParseMountInfo("\n1 2 3\n22 1 8:1 / / rw shared:1 ext4 /dev/sda1\n").empty());
}

TEST(ResolveMountpoint, FollowsAllButTheLastComponent) {
  EXPECT_EQ(*ResolveMountpoint("/proc/../proc/self/"), "/proc/self");
  const auto missing = ResolveMountpoint("/no/such/folder");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
}

TEST(MountAt, IsNotFoundWhereNothingIsMounted) {
  const auto mount = MountAt("/tmp");
  ASSERT_FALSE(mount);
  EXPECT_EQ(mount.error().code, ErrorCode::kNotFound);
}

TEST(FindCopy, NamesSomebodyWhoSeesAFileSystem) {
  std::ifstream file("/proc/self/mountinfo");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto mounts = ParseMountInfo(text);
  ASSERT_FALSE(mounts.empty());
  const auto copy = FindCopy(mounts.front().device);
  ASSERT_TRUE(copy);
  EXPECT_FALSE(copy->program.empty());
  EXPECT_FALSE(FindCopy("99999:1"));
}

}  // namespace
}  // namespace recrypt
