"""For each diagnosis: its family, the usual cause, the fix in one line, what it cannot tell apart.

The catalogue in ``bugs`` says what a bug looks like; this table says what to do about it. Families
have an entry of their own, for the case that the bug itself cannot be told.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Remedy:
    """What the doctor says beside its evidence. title: used where the catalogue has no such bug."""

    family: str
    title: str
    cause: str
    fix: str
    cannot_tell: str = ""


def _table(text: str) -> dict[str, Remedy]:
    rows = [line.split("|") for line in text.strip().splitlines()]
    return {row[0].strip(): Remedy(*map(str.strip, row[1:])) for row in rows}


# id | family | title | usual cause | fix | what it cannot tell apart
REMEDIES = _table("""
labels | labels | The labels do not fit the loss | raw labels reached the loss unconverted | print the labels and convert them to what the loss expects
labels-one-two | labels | Labels 1 and 2 where 0 and 1 are needed | 1 was not subtracted from the raw label | labels = labels - 1
labels-shape | labels | The labels have another shape than the logits | a squeeze or unsqueeze is missing, so the loss pairs every logit with every label | make both (B,): logits.squeeze(1), or labels of the shape of the logits
one-label-only | labels | All labels are the same | the label column was compared with the wrong value, or only half of the data was loaded | print the label counts where the data is loaded
sorted-labels | labels | The examples come sorted by label | the training loader does not shuffle | shuffle=True in the training loader
labels-shuffled | labels | The labels have nothing to do with the texts | texts and labels were shuffled or filtered apart | keep each text and its label in one row | a task that no bag of words can learn looks the same
data | data | The token ids do not fit the model | vocabulary, dataset and model were not made for each other | print the smallest and largest id, the pad id and the lengths
pad-is-a-word | data | The padding has the id of a word | the ids of the words start at the pad id | reserve the pad id before the first word gets an id
unk-flood | data | Nearly every token is the same id, as if unknown | the text is tokenized or cased unlike the vocabulary | build the vocabulary with the tokenizer that encodes the texts | a language of one very common word looks the same
reviews-cut-to-nothing | data | The texts are cut to almost nothing | max_length is far too small, or a slice keeps the wrong part | raise max_length and print how many texts are cut | data of one-token texts looks the same
float-ids | data | The token ids are floating-point numbers | torch.tensor or torch.zeros made floats of them | token_ids.long(), or dtype=torch.int64 where they are made
shapes | shapes | The shapes do not fit | a size was changed in one place only | print the shapes on both sides of the layer that raised
linear-input-size | shapes | A linear layer of the wrong input size | two directions or two heads were joined, so the input is wider than the layer expects | make in_features of the layer the size that arrives
raises | raises | The program stops with an error | see the message | read the last line of the message first
batch-mixing | batch-mixing | A row's answer depends on the other rows of the batch | an axis was mistaken for another | print the shapes and say aloud which axis is the batch
batch-first-lstm | batch-mixing | The RNN takes the batch axis for time | nn.LSTM reads (T, B, E) unless batch_first=True | batch_first=True
batch-first-attention | batch-mixing | The attention looks across the batch | nn.MultiheadAttention and its layers read (T, B, E) unless batch_first=True | batch_first=True
view-not-transpose | batch-mixing | A view where a transpose is needed | view and reshape keep the order of the numbers, so they mix rows | transpose (or cat the parts) first, then reshape
softmax-over-batch | batch-mixing | A softmax over the batch axis | dim names the batch instead of the time axis | softmax over the time axis
positions-over-batch | batch-mixing | The positions are added along the batch axis | the encoding has the shape (B, 1, E) instead of (1, T, E) | index positions by time | any dependence on the row's number looks the same
lengths-of-another-row | batch-mixing | The rows use each other's lengths | the batch was sorted, and the lengths were not (or the other way round) | reorder token ids, lengths and labels together
state-carried-over | batch-mixing | The model remembers the batch before | a hidden state is kept between calls | start each forward from a fresh state
padding | padding | The padding changes the answer | some step reads the padding as if it were text | use the lengths: a mask, a gather at the last token, or packing
last-step-is-padding | padding | The last step that is read is padding | the state at place T-1, or the final hidden state of an unpacked RNN, belongs to the padding | read the state at place length - 1
mean-over-padding | padding | The mean counts the padding | a mean over all T places | mask the padding, sum, and divide by the lengths
max-over-padding | padding | The maximum includes the padding | a maximum over all T places | fill the padding with minus infinity before the maximum
no-pad-mask | padding | The attention sees the padding | no mask reaches the softmax | fill the padding's scores with minus infinity before the softmax
mask-after-softmax | padding | The mask comes after the softmax | weights are set to 0 after the softmax, so the rest no longer sums to 1 | mask the scores before the softmax
padding-vector-not-zero | padding | The vector of the padding is not zero | the embedding's pad row was initialised or overwritten, and the sum relies on zeros | padding_idx, and zero the row again after filling the table
backward-reads-padding | padding | The backward reader starts in the padding | a bidirectional RNN reads the padded batch unpacked | pack the batch, or reverse each row's real tokens by hand
real-tokens-lost | real-tokens-lost | Real tokens do not reach the answer | a mask or an index drops real tokens | change one token at a time and see which ones count
mask-inverted | real-tokens-lost | The mask is upside down | True means "ignore" in PyTorch's key_padding_mask and "real" in ours | invert the mask in one place
last-token-lost | real-tokens-lost | The last real token is never read | a length or an index is off by one | read place length - 1, and mask places >= length
short-rows-lost | real-tokens-lost | Only the longest rows are read | place T-1 of an unpacked sequence is zeros for the shorter rows | use the final hidden state, or gather at length - 1
architecture | architecture | The head cannot give what the loss asks for | an activation stands on the logit | give the loss the plain output of the last linear layer
double-sigmoid | architecture | A sigmoid before a loss that has its own | the loss has a sigmoid (or softmax) of its own | give the loss logits: remove the sigmoid from the model
relu-on-logit | architecture | A ReLU on the logit | the last layer has an activation like the hidden ones | remove the activation of the last layer
tanh-on-logit | architecture | A tanh on the logit | the last layer has an activation like the hidden ones | remove the activation of the last layer
no-positions | architecture | Self-attention without positions | nothing tells the places apart | add a positional encoding to the embeddings | a model that is blind to order on purpose looks the same
graph | graph | No gradient reaches a part of the model | detach, .data, no_grad, .item() or argmax on the way | keep tensors, not numbers, between input and loss
graph-cut-embedding | graph | No gradient reaches the embeddings | detach, .data or no_grad after the embedding | remove the detach after the embedding
graph-cut-encoder | graph | No gradient reaches the encoder | detach, .data or no_grad after the encoder | remove the detach after the encoder
mode | mode | The model is in the wrong mode | train() and eval() are not called where they belong | model.train() before training, model.eval() before evaluation
dropout-always-on | mode | Dropout stays on in evaluation | functional dropout without training=self.training | F.dropout(x, p, training=self.training), or nn.Dropout
eval-mode-missing | mode | Evaluation runs in training mode | model.eval() is missing | model.eval() before evaluation
train-mode-not-restored | mode | Training goes on in evaluation mode | evaluation switched to eval() and nothing switches back | model.train() at the start of every training epoch
loop | loop | The training loop is out of order | zero, backward, step: one is missing or misplaced | optimizer.zero_grad(), loss.backward(), optimizer.step(), in this order
missing-zero-grad | loop | The gradients are never cleared | optimizer.zero_grad() is missing | optimizer.zero_grad() before loss.backward()
zero-grad-after-backward | loop | The gradients are cleared before the step | zero_grad stands between backward and step | move optimizer.zero_grad() before loss.backward()
missing-step | loop | The optimizer never steps | optimizer.step() is missing | optimizer.step() after loss.backward()
missing-backward | loop | The loss is never differentiated | loss.backward() is missing | loss.backward() before optimizer.step()
clip-before-backward | loop | The gradients are clipped at the wrong time | clipping stands before backward or after the step | clip between loss.backward() and optimizer.step()
parameters | parameters | The optimizer does not train what should be trained | the optimizer was made for other parameters | make the optimizer from model.parameters() after the model is complete
optimizer-on-a-copy | parameters | The optimizer holds the parameters of another model | the model was built again, copied or moved after the optimizer was made | make the optimizer after the model, from its parameters
optimizer-misses-layers | parameters | The optimizer misses layers | it was made from a part of the model, or before layers were replaced | torch.optim.Adam(model.parameters(), ...) | leaving layers out on purpose looks the same
frozen-layers | parameters | Layers are frozen before they have learned | requires_grad is False on layers with their first random weights | parameter.requires_grad_(True) | freezing random layers on purpose looks the same
step-size | step-size | The steps have the wrong size | the learning rate does not fit | compare a few learning rates, each ten times the one before
tiny-learning-rate | step-size | A learning rate that is far too small | the learning rate is too low, or a schedule has brought it to 0 | try ten and a hundred times the learning rate
huge-learning-rate | step-size | A learning rate that is far too large | the learning rate is too high | try a tenth and a hundredth of the learning rate
loss | loss | The loss does not reward right answers | sign, reduction or order of the arguments | compute the loss of a perfect and of a hopeless answer by hand
loss-sign-flipped | loss | The loss has the wrong sign | a minus sign, or maximize=True | minimise the loss: remove the minus sign
sum-reduction | loss | The loss is a sum over the batch | reduction="sum" | reduction="mean", so that the step does not grow with the batch | a sum on purpose looks the same
metric | metric | The metric does not say what the model did | it is computed from the wrong numbers | recount it by hand on two uneven batches
average-of-averages | metric | The metric averages the averages of the batches | each batch counts the same, however small | add up sums and counts, and divide once
threshold-on-logits | metric | The logits are compared with 0.5 | 0.5 is the threshold of probabilities; a logit's is 0 | compare the logits with 0
last-batch-only | metric | The metric is that of the last batch | the sums are started inside the loop, or overwritten | start the sums before the loop
""")  # noqa: E501
