package initrd_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/kexec-bls/kexec-bls/loader/initrd"
)

func TestTopics(t *testing.T) {
	var known []initrd.ID
	for _, topic := range initrd.Topics() {
		known = append(known, topic.ID)
		assert.NotEmpty(t, topic.About)
		assert.False(t, strings.HasSuffix(topic.About, "."), topic.About)
		assert.Equal(t, strings.ToLower(string(topic.ID)), string(topic.ID))
	}
	assert.True(t, slices.IsSorted(known))
	assert.Len(t, slices.Compact(slices.Clone(known)), len(known), "each once")
	assert.Greater(t, len(known), 35)
}
