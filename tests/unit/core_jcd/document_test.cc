#include "core/jcd/document.h"

#include "tests/unit/core_jcd/fixture.h"

namespace recrypt {
namespace {

constexpr size_t kSizes[] = {0,      1,      4095,   4096,    4097,    8192,
                             524287, 524288, 524289, 1048576, 1100000, 5000000};

TEST(Document, KeepsWhatWasWrittenInOnePiece) {
  World world;
  for (const size_t size : kSizes) {
    auto file = std::make_shared<MemoryFile>();
    auto document = world.Create(file);
    const Bytes content = RandomContent(size);
    Must(document->Write(0, content));
    EXPECT_EQ(Must(ReadAll(*document)), content);
    Must(document->Commit(world.author(), Durability::kSynced));
    EXPECT_EQ(file->bytes().size(), StoredLengthFromSize(size));
    EXPECT_EQ(file->syncs, 1);
    EXPECT_EQ(Must(ReadAll(*document)), content);
    auto again = Must(world.Open(file));
    EXPECT_EQ(again->Size(), size);
    EXPECT_EQ(Must(ReadAll(*again)), content) << size;
    EXPECT_EQ(again->GetAuthorship().author, "alice@example.com");
  }
}

}  // namespace
}  // namespace recrypt
