#include "tests/mount/support/local_mount.h"

#include <fcntl.h>

#include <cerrno>
#include <stdexcept>

#include "core/jcd/geometry.h"
#include "fs/posix_store.h"
#include "tests/mount/support/wrapped_store.h"

namespace recrypt {
namespace {

// No document of a test is as large.
constexpr size_t kMostRead = size_t{16} << 20;

class ReadOnlyStore : public WrappedStore {
 public:
  using WrappedStore::WrappedStore;
  Result<UniqueFd> OpenFile(int node, int flags) override {
    if ((flags & O_ACCMODE) != O_RDONLY) return FailErrno(EROFS, "opening for writing");
    return WrappedStore::OpenFile(node, flags);
  }
};

template <typename T>
T Must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message);
  return std::move(*result);
}

}  // namespace

LocalMount::LocalMount(const std::string& share, Access& access, Kind kind) {
  store_ = Must(PosixStore::Open(share));
  if (kind == Kind::kReader) store_ = std::make_unique<ReadOnlyStore>(std::move(store_));
  FileSystemOptions options;
  options.label = *LabelExpression::Parse("A#example.com");
  options.verify_policy = [](ByteSpan) -> Result<SharePolicy> {
    return Fail(ErrorCode::kDenied, "no policy is believed here");
  };
  fs_ = Must(FileSystem::Create(options, *store_, access, clock_, kernel_,
                                [this](LogLevel, const std::string& line) {
                                  std::lock_guard lock(log_mutex_);
                                  log_ += line + "\n";
                                }));
}

LocalMount::~LocalMount() { fs_->Shutdown(); }

std::string LocalMount::TakeLog() {
  std::lock_guard lock(log_mutex_);
  return std::exchange(log_, {});
}

Result<std::unique_ptr<LocalMount::File>> LocalMount::Open(const std::string& name, int flags) {
  if ((flags & O_CREAT) != 0) {
    RECRYPT_ASSIGN(FileSystem::Created created,
                   fs_->CreateFile(fs_->root(), name, 0644, flags, Caller{}));
    return std::make_unique<File>(*this, *created.entry.inode, std::move(created.file));
  }
  RECRYPT_ASSIGN(Entry entry, fs_->Lookup(fs_->root(), name));
  auto opened = fs_->Open(*entry.inode, flags);
  if (!opened) {
    fs_->Forget(*entry.inode, 1);
    return Fail(std::move(opened.error()));
  }
  return std::make_unique<File>(*this, *entry.inode, std::move(opened->file));
}

LocalMount::File::~File() {
  mount_.fs_->Close(*file_);
  mount_.fs_->Forget(inode_, 1);
}

uint64_t LocalMount::File::ShownSize() {
  return static_cast<uint64_t>(Must(mount_.fs_->GetAttributes(inode_)).st_size);
}

Reading LocalMount::File::Read(Failed failed) {
  Reading reading;
  reading.size_at_open = ShownSize();
  while (ReadPart(reading, 16 * kBlockSize, failed) && reading.bytes.size() < kMostRead) {
  }
  reading.shown_size = ShownSize();
  // Where the last block does not read, there is only the word of stat. Blocks behind that are
  // none.
  const bool at_end = reading.errors.empty() || reading.errors.back() == 0;
  reading.size = at_end ? reading.bytes.size() : reading.shown_size;
  reading.bytes.resize(reading.size);
  reading.errors.resize((reading.size + kBlockSize - 1) / kBlockSize, EIO);
  return reading;
}

// Reads on; false at the end.
bool LocalMount::File::ReadPart(Reading& reading, size_t size, Failed failed) {
  const size_t at = reading.bytes.size();
  reading.bytes.resize(at + size);
  const auto got = mount_.fs_->Read(*file_, at, MutableByteSpan(reading.bytes).subspan(at));
  if (got) {
    reading.bytes.resize(at + *got);
    reading.errors.resize((at + *got + kBlockSize - 1) / kBlockSize);
    return *got == size;
  }
  if (size == kBlockSize || failed == Failed::kIsAllBad) {
    reading.errors.resize((at + size) / kBlockSize, ErrnoOf(got.error()));
    return at + size < reading.size_at_open;
  }
  reading.bytes.resize(at);
  for (size_t block = 0; block < size / kBlockSize; ++block) {
    if (!ReadPart(reading, kBlockSize, failed)) return false;
  }
  return true;
}

int LocalMount::File::Write(uint64_t offset, ByteSpan data) {
  const Status written = mount_.fs_->Write(*file_, offset, data, WriteAt::kOffset);
  return written ? 0 : ErrnoOf(written.error());
}

int LocalMount::File::Sync() {
  const Status synced = mount_.fs_->Sync(*file_);
  return synced ? 0 : ErrnoOf(synced.error());
}

Reading LocalMount::Read(const std::string& name) {
  auto file = Open(name, O_RDONLY);
  if (!file) return Reading{ErrnoOf(file.error())};
  return (*file)->Read(File::Failed::kIsTriedByBlock);
}

}  // namespace recrypt
