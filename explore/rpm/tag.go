package rpm

// Tag is the number of an entry of a header. Those of the signature are a space of their own.
type Tag uint32

// Tags of the signature (rpmtag.h has those below 1000 in both).
const (
	sigRegion      Tag = 62
	sigDSA         Tag = 267
	sigRSA         Tag = 268
	sigSHA1        Tag = 269
	sigLongSize    Tag = 270
	sigLongArchive Tag = 271
	sigSHA256      Tag = 273
	sigOpenPGP     Tag = 278
	sigSHA3_256    Tag = 279
	sigSize        Tag = 1000
	sigPGP         Tag = 1002
	sigMD5         Tag = 1004
	sigGPG         Tag = 1005
	sigPayloadSize Tag = 1007
)

// Tags of the header that the methods of this package do not return in a better form.
const (
	TagName              Tag = 1000
	TagVersion           Tag = 1001
	TagRelease           Tag = 1002
	TagEpoch             Tag = 1003
	TagSummary           Tag = 1004
	TagDescription       Tag = 1005
	TagBuildTime         Tag = 1006
	TagBuildHost         Tag = 1007
	TagSize              Tag = 1009
	TagDistribution      Tag = 1010
	TagVendor            Tag = 1011
	TagLicense           Tag = 1014
	TagPackager          Tag = 1015
	TagGroup             Tag = 1016
	TagURL               Tag = 1020
	TagOS                Tag = 1021
	TagArch              Tag = 1022
	TagSourceRPM         Tag = 1044
	TagArchiveSize       Tag = 1046
	TagRPMVersion        Tag = 1064
	TagCookie            Tag = 1094
	TagSourcePackage     Tag = 1106
	TagOptFlags          Tag = 1122
	TagPayloadFormat     Tag = 1124
	TagPayloadCompressor Tag = 1125
	TagPayloadFlags      Tag = 1126
	TagPlatform          Tag = 1132
	TagBugURL            Tag = 5012
	TagModularityLabel   Tag = 5096
	TagVCS               Tag = 5034
)

const (
	tagLongSize        Tag = 5009
	tagLongArchiveSize Tag = 271

	tagOldFileNames   Tag = 1027
	tagFileSizes      Tag = 1028
	tagFileModes      Tag = 1030
	tagFileTimes      Tag = 1034
	tagFileDigests    Tag = 1035
	tagFileLinks      Tag = 1036
	tagFileFlags      Tag = 1037
	tagFileUsers      Tag = 1039
	tagFileGroups     Tag = 1040
	tagFileDevices    Tag = 1095
	tagFileInodes     Tag = 1096
	tagDirIndexes     Tag = 1116
	tagBaseNames      Tag = 1117
	tagDirNames       Tag = 1118
	tagLongFileSizes  Tag = 5008
	tagFileCaps       Tag = 5010
	tagFileDigestAlgo Tag = 5011

	tagChangeTimes Tag = 1080
	tagChangeNames Tag = 1081
	tagChangeTexts Tag = 1082

	tagPayloadDigest     Tag = 5092
	tagPayloadDigestAlgo Tag = 5093
	tagPayloadDigestAlt  Tag = 5097
)
