// A disk that becomes full in the middle of anything: with every amount of room that is left, in
// steps of a page, the program is told, the old content is intact, and with more room everything
// goes on without a new mount.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <cerrno>

#include "fs/posix_store.h"
#include "tests/mount/support/direct.h"
#include "tests/mount/support/mounted.h"

namespace recrypt {
namespace {

constexpr size_t kPage = 4096;
constexpr size_t kRoomy = size_t{24} << 20;

// Something a program does to one document, "f" at the share's root.
struct Deed {
  size_t size_before;  // of the document; 0: there is none
  std::function<Status(DirectMount&)> act;
  std::function<std::string(std::string)> result;
};

std::string Pattern(size_t size) { return RandomText(size, size); }

Status WriteSynced(DirectMount& mount, uint64_t at, std::string_view data) {
  RECRYPT_ASSIGN(auto file, mount.Open("f", O_RDWR | O_CREAT));
  RECRYPT_TRY(file.Write(at, data));
  RECRYPT_TRY(file.Sync());
  return file.Close();
}

Status WriteClosed(DirectMount& mount, const std::string& name, std::string_view data) {
  RECRYPT_ASSIGN(auto file, mount.Open(name, O_RDWR | O_CREAT));
  RECRYPT_TRY(file.Write(0, data));
  return file.Close();
}

class FullDisk : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root, to mount file systems";
    umask(0022);
    labels_.Add("A#example.com");
    share_ = dir_.Make("share");
  }
  void TearDown() override { Empty(); }

  void Empty() {
    if (mounted_) umount2(share_.c_str(), MNT_DETACH);
    mounted_ = false;
  }
  void FreshShare() {
    Empty();
    ASSERT_EQ(::mount("tmpfs", share_.c_str(), "tmpfs", 0, SizeOption(kRoomy).c_str()), 0);
    mounted_ = true;
  }
  static std::string SizeOption(size_t bytes) { return "mode=0755,size=" + std::to_string(bytes); }
  void Resize(size_t bytes) {
    bytes = std::max(bytes, kPage);  // 0 is no limit
    ASSERT_EQ(::mount(nullptr, share_.c_str(), nullptr, MS_REMOUNT, SizeOption(bytes).c_str()), 0)
        << strerror(errno);
  }
  size_t Used() const {
    struct statfs st;
    EXPECT_EQ(statfs(share_.c_str(), &st), 0);
    return static_cast<size_t>(st.f_blocks - st.f_bfree) * static_cast<size_t>(st.f_bsize);
  }
  DirectMount NewMount() { return DirectMount(*PosixStore::Open(share_), alice_); }

  // With `room` more bytes than are used; true when they were enough.
  bool DoWithRoom(const Deed& deed, size_t room) {
    FreshShare();
    const std::string before = Pattern(deed.size_before);
    if (!before.empty()) {
      DirectMount mount = NewMount();
      EXPECT_TRUE(mount.Write("f", before));
    }
    const std::string after = deed.result(before);
    bool enough = false;
    {
      DirectMount mount = NewMount();
      Resize(Used() + room);
      const Status done = deed.act(mount);
      enough = done.has_value();
      if (!enough) {
        EXPECT_EQ(ErrnoOf(done.error()), ENOSPC) << done.error().message;
      }
      ExpectContent(mount, enough ? after : before, !before.empty());
      {
        DirectMount another = NewMount();
        ExpectContent(another, enough ? after : before, !before.empty());
      }
      Resize(kRoomy);
      const Status again = enough ? Status{} : deed.act(mount);
      EXPECT_TRUE(again) << "with room: " << again.error().message;
      ExpectContent(mount, after, true);
    }
    DirectMount mount = NewMount();
    ExpectContent(mount, after, true);
    return enough;
  }
  static void ExpectContent(DirectMount& mount, const std::string& content, bool exists) {
    auto found = mount.Read("f");
    if (!found && !exists && found.error().code == ErrorCode::kNotFound) return;
    ASSERT_TRUE(found) << found.error().message;
    EXPECT_TRUE(*found == content || (!exists && found->empty()))
        << found->size() << " bytes instead of " << content.size();
  }

  void DoAtEverySize(const Deed& deed, size_t step = kPage) {
    if (IsFullRun()) step = kPage;
    size_t room = 0;
    while (room < kRoomy / 2) {
      SCOPED_TRACE(std::to_string(room) + " bytes of room");
      if (DoWithRoom(deed, room) || HasFailure()) break;
      room += step;
    }
    std::printf("%zu bytes of room were enough\n", room);
    EXPECT_LT(room, kRoomy / 2);
  }

  TempDir dir_;
  std::string share_;
  bool mounted_ = false;
  FakeLabels labels_;
  FakeAccess alice_{labels_, "alice@example.com"};
};

TEST_F(FullDisk, AnOverwriteIsWholeOrNotThere) {
  const std::string data = Pattern(70'000);
  DoAtEverySize({300'000, [&](auto& mount) { return WriteSynced(mount, 123'456, data); },
                 [&](std::string content) { return content.replace(123'456, data.size(), data); }});
}

TEST_F(FullDisk, AnAppendIsWholeOrNotThere) {
  const std::string data = Pattern(150'000);
  DoAtEverySize({100'000, [&](auto& mount) { return WriteSynced(mount, 100'000, data); },
                 [&](std::string content) { return content + data; }});
}

TEST_F(FullDisk, ALargeAppendIsWholeOrNotThere) {
  const std::string data = Pattern(6'000'000);
  DoAtEverySize({100'000, [&](auto& mount) { return WriteSynced(mount, 100'000, data); },
                 [&](std::string content) { return content + data; }},
                499'712);
}

TEST_F(FullDisk, GrowthByAHoleAndAWriteBehindItIsWholeOrNotThere) {
  const std::string data = Pattern(30'000);
  DoAtEverySize({50'000, [&](auto& mount) { return WriteSynced(mount, 3'000'000, data); },
                 [&](std::string content) {
                   content.resize(3'000'000);
                   return content + data;
                 }});
}

TEST_F(FullDisk, ASmallNewFileIsWholeOrEmpty) {
  const std::string data = Pattern(20'000);
  DoAtEverySize({0, [&](auto& mount) { return WriteClosed(mount, "f", data); },
                 [&](std::string) { return data; }});
}

TEST_F(FullDisk, ALargeNewFileIsWholeOrEmpty) {
  const std::string data = Pattern(1'400'000);
  DoAtEverySize({0, [&](auto& mount) { return WriteClosed(mount, "f", data); },
                 [&](std::string) { return data; }},
                20'480);
}

TEST_F(FullDisk, SavingByRenameLeavesTheOldOrTheNew) {
  const std::string data = Pattern(60'000);
  DoAtEverySize({80'000,
                 [&](auto& mount) -> Status {
                   RECRYPT_TRY(WriteClosed(mount, "new", data));
                   return mount.Rename("new", "f");
                 },
                 [&](std::string) { return data; }});
}

// Changes that are committed stay so where there is no room to bring them into place.
TEST_F(FullDisk, RecordsAreAppliedOrStay) {
  const std::string data = Pattern(30'000);
  for (size_t room = 0; room < 10 * kPage && !HasFailure(); room += kPage) {
    SCOPED_TRACE(std::to_string(room) + " bytes of room");
    FreshShare();
    std::string content = Pattern(200'000);
    {
      DirectMount mount = NewMount();
      ASSERT_TRUE(mount.Write("f", content));
    }
    {
      DirectMount mount = NewMount();
      for (size_t at : {10'000u, 190'000u, 60'000u}) {
        content.replace(at, std::min(data.size(), content.size() - at),
                        data.substr(0, content.size() - at));
        ASSERT_TRUE(WriteSynced(mount, at, std::string_view(content).substr(at, data.size())));
      }
      Resize(Used() + room);  // and so the mount ends
    }
    DirectMount mount = NewMount();
    ExpectContent(mount, content, true);
  }
}

TEST_F(FullDisk, NoRoomForANameIsSaid) {
  FreshShare();
  {
    DirectMount mount = NewMount();
    ASSERT_TRUE(mount.Write("f", "content"));
    ASSERT_EQ(::mount(nullptr, share_.c_str(), nullptr, MS_REMOUNT, "nr_inodes=2"), 0);
    const auto error_of = [](const Status& status) { return status ? 0 : ErrnoOf(status.error()); };
    EXPECT_EQ(error_of(mount.MakeDirectory("d")), ENOSPC);
    EXPECT_EQ(error_of(mount.MakeSymlink("s", "f")), ENOSPC);
    EXPECT_EQ(error_of(WriteClosed(mount, "g", "content")), ENOSPC);
    ASSERT_EQ(::mount(nullptr, share_.c_str(), nullptr, MS_REMOUNT, "nr_inodes=100"), 0);
    EXPECT_EQ(error_of(mount.MakeDirectory("d")), 0);
    EXPECT_EQ(error_of(WriteClosed(mount, "g", "content")), 0);
  }
  DirectMount mount = NewMount();
  ExpectContent(mount, "content", true);
}

}  // namespace
}  // namespace recrypt
