// PowerCut: the share as it may lie on the disk after the power went, at any point of what a
// StoreLog holds.
//
//   PowerCut power(log.Read(), root_inode);
//   DiskImage killed = power.Killed(cut);               // the first `cut` operations, all of them
//   DiskImage lost = power.Lost(cut, rules, random);    // what of them a disk may have kept
//
// The model is that of a file system with a journal for its metadata, taken at its word and no
// further (ext4, xfs and btrfs all promise more than this):
//
//   Contents. A file's writes before its last fdatasync are there. Of those after it, any may be
//     missing, each in any of its 512-byte sectors, in any order; what is missing is what was there
//     before, or zeros.
//   Length. Of the lengths that the file has had since its last fdatasync any may be on the disk,
//     whatever is there of the writes: what is missing before it is zeros, what stands behind it is
//     lost.
//   Truncations since the last fdatasync are carried out in their order, and as far as the journal
//     got. What was cut off is freed: a later write into that place goes to other blocks of the
//     disk, which become the file's only once the truncation is carried out
//     (DiskRules::kInOrder). A harder disk forgets any of them by itself, and leaves what was
//     written later (DiskRules::kAny); no file system that we know of does so.
//   Names. What was done to the name space is carried out in its order, and may end early, but not
//     before the last thing that was done in a directory whose fsync has returned, nor before the
//     creation of a file whose fdatasync has returned. No rename, link, removal, mode or extended
//     attribute is made durable by an fdatasync of its file (its mode and attributes are by an
//     fsync), and no content by its name: a rename may be there before what was written into the
//     file.
//
// Thread safe once constructed.
#ifndef RECRYPT_TESTS_CRASH_SUPPORT_POWER_CUT_H_
#define RECRYPT_TESTS_CRASH_SUPPORT_POWER_CUT_H_

#include <random>
#include <vector>

#include "tests/crash/support/disk_image.h"

namespace recrypt {

enum class DiskRules { kInOrder, kAny };

class PowerCut {
 public:
  PowerCut(std::vector<StoreOp> ops, uint64_t root_inode);

  size_t size() const { return ops_.size(); }
  DiskImage Killed(size_t cut) const;
  DiskImage Lost(size_t cut, DiskRules rules, std::mt19937_64& random) const;

 private:
  struct Ids {
    NodeId node = 0, directory = 0, to_directory = 0;
  };
  // Writes and truncations of one file, and how many of them were synced.
  struct FileOps {
    std::vector<size_t> ops;
    size_t durable = 0;
  };

  Bytes Surviving(const FileOps& file, DiskRules rules, std::mt19937_64& random) const;
  void DoToContent(Bytes& content, size_t op) const;
  void PutSome(Bytes& content, const StoreOp& write, uint64_t limit, std::mt19937_64& random) const;

  const std::vector<StoreOp> ops_;
  std::vector<Ids> ids_;  // of each operation
};

}  // namespace recrypt

#endif  // RECRYPT_TESTS_CRASH_SUPPORT_POWER_CUT_H_
